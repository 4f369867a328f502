"""The shipped bundle from a trained one: the same weights, numbers and history, with the words of
shipped.toml, as a demonstration model. `python -m training.ship BUNDLE`.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from ich_node.dicom.identity import PRODUCT
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.revise import revise
from training.errors import DataError

WORDS = Path(__file__).with_name("shipped.toml")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Words:
    """details: added to those of the provenance."""

    name: str
    source: str
    licence: str
    details: dict[str, str]


def main(
    bundle: Annotated[Path, typer.Argument(help="What was trained.", exists=True, dir_okay=False)],
    words: Annotated[
        Path, typer.Option(help="What the card says.", exists=True, dir_okay=False)
    ] = WORDS,
    out: Annotated[
        Path | None, typer.Option(help="Default: the file in the package.", dir_okay=False)
    ] = None,
) -> None:
    """Write the shipped bundle."""
    data = shipped_form(open_bundle(bundle), read_words(words), at=datetime.now(UTC))
    path = out or shipped_bundle()
    path.write_bytes(data)
    written = open_bundle(path)
    typer.echo(f"{path}: {written.name}, sha256 {written.sha256}")
    typer.echo(f"licence: {written.card.licence}")


def read_words(path: Path) -> Words:
    """Raises DataError that says what is wrong with the file."""
    try:
        return TypeAdapter(Words).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise DataError(f"{path} does not hold the words of a card: {error}") from error


def shipped_form(trained: Bundle, words: Words, *, at: datetime) -> bytes:
    """The bytes of the shipped file. The history names the trained bundle, which has the same
    weights and the same calibration.
    """
    revised = load_bundle(
        revise(trained, trained.peak_rule, who=PRODUCT, why="to be shipped", at=at),
        origin=words.name,
    )
    provenance = revised.card.provenance
    card = replace(
        revised.card,
        name=words.name,
        licence=words.licence,
        demonstration=True,
        provenance=replace(
            provenance, source=words.source, details=provenance.details | words.details
        ),
    )
    return pack_bundle(card, revised.weights)


if __name__ == "__main__":
    typer.run(main)
