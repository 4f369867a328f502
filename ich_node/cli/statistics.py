"""statistics: what was read in some days, how fast, and whether the scores drift."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Ledger


def statistics(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=3650, help="The last so many days.")] = 30,
    html: Annotated[
        Path | None, typer.Option(help="Write one HTML page as well.", dir_okay=False)
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write one line a series as well, without identifiers, for a registry of AI"
            " results.",
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the series of the last days by outcome, source and scanner; how long results took,
    whether the scores are as before, and how often readers agreed.
    """
    from ich_node.analyse.active_bundle import references_of_active
    from ich_node.statistics.document import as_document
    from ich_node.statistics.figures import statistics as count
    from ich_node.statistics.page import page_of
    from ich_node.statistics.table import write_table
    from ich_node.statistics.text import lines_of

    node: CliContext = context.obj
    ledger, now = node.existing_ledger(), datetime.now(UTC)
    since = now - timedelta(days=days)
    names = _model_names(node, ledger)
    references = references_of_active(ledger.activations, node.config.bundle.path)
    written: list[str] = []
    with ledger.statistics.view() as view:
        found = count(view, since=since, until=now, references=references)
        if csv is not None:
            with _writable(csv, "--csv") as file:
                lines = write_table(view.series(since, now), file, model_names=names)
            written.append(f"{csv}: {lines:,} series")
    sha256 = found.bundle_sha256 or ""
    model = names.get(sha256) or (f"model {sha256[:12]}" if sha256 else "the model")
    if html is not None:
        with _writable(html, "--html") as file:
            file.write(page_of(found, model=model))
        written.append(str(html))
    if as_json:
        typer.echo(json.dumps(as_document(found), default=str, ensure_ascii=False))
        return
    for line in [*lines_of(found, model=model), *(f"written: {each}" for each in written)]:
        typer.echo(line)


@contextmanager
def _writable(path: Path, option: str) -> Iterator[IO[str]]:
    """Raises ConfigError."""
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"{option}: cannot write {path}: {error.strerror}") from error
    with file:
        yield file


def _model_names(node: "CliContext", ledger: "Ledger") -> dict[str, str]:
    """Of every bundle that was active, and of the one that is configured, by its hash."""
    from ich_node.analyse.active_bundle import path_without_activation
    from ich_node.model.bundle_file import read_header

    header = read_header(path_without_activation(node.config.bundle.path))
    names = {each.sha256: each.name for each in ledger.activations.activations()}
    return {header.sha256: header.name} | names


def add_to(app: typer.Typer) -> None:
    app.command()(statistics)
