"""What is in a pool of slices: pool.json, beside its chunks.

A pool that an earlier version made has none: it holds phantoms.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from training.errors import DataError

FACTS = "pool.json"
PHANTOM_LICENCE = "Apache-2.0"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TissueFacts:
    """The real heads of a pool. digest: of their pixels. patients: the hashes of a split file.
    split_sha256, part: the patients are those of a part of this split; empty: all.
    """

    data_set: str
    digest: str
    patients: tuple[str, ...]
    heads: int
    slices: int
    split_sha256: str = ""
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolFacts:
    """demonstration: whether what learns from this pool alone is a demonstration model."""

    source: Literal["phantom", "tissue"]
    seed: int
    slices: int
    size_px: int
    licence: str
    demonstration: bool = True
    tissue: TissueFacts | None = None

    @property
    def name(self) -> str:
        """For a bundle's provenance."""
        return f"{self.source} pool"

    def makes_the_same(self, other: "PoolFacts") -> bool:
        """Whether the chunks that both have are the same."""
        return (self.source, self.seed, self.size_px, self.tissue) == (
            other.source,
            other.seed,
            other.size_px,
            other.tissue,
        )


def read_facts(folder: Path) -> PoolFacts | None:
    """None if the pool has no pool.json. Raises DataError if it is damaged."""
    path = folder / FACTS
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (version := document.pop("format_version")) != FORMAT_VERSION:
            raise DataError(
                f"{path} is of format {version}, this version reads {FORMAT_VERSION}; "
                "make the pool again"
            )
        tissue = document.pop("tissue")
        if tissue is not None:
            tissue = TissueFacts(**tissue | {"patients": tuple(tissue["patients"])})
        return PoolFacts(**document, tissue=tissue)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} does not say what is in the pool ({error!r}); make the pool again"
        ) from error


def facts_of_pool(folder: Path) -> PoolFacts:
    """What a pool says of itself; of an earlier version's pool what is known."""
    return read_facts(folder) or PoolFacts(
        source="phantom", seed=-1, slices=0, size_px=0, licence=PHANTOM_LICENCE
    )


def write_facts(folder: Path, facts: PoolFacts) -> None:
    """Raises DataError if the folder holds a pool of something else: its chunks would not be
    replaced.
    """
    path = folder / FACTS
    before = read_facts(folder)
    if before is not None and not before.makes_the_same(facts):
        raise DataError(
            f"{folder} holds another pool ({described(before)}), "
            f"and this one is {described(facts)}; give another --out, or delete it"
        )
    if before is None and any(folder.glob("chunk-*.npy")):
        if facts.source == "phantom":
            return  # the pool of an earlier version, whose seed nobody knows
        raise DataError(
            f"{folder} holds a phantom pool, and this one is {described(facts)}; "
            "give another --out, or delete it"
        )
    if before is not None and before.slices > facts.slices:
        return  # its further chunks stay
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(
        json.dumps({"format_version": FORMAT_VERSION, **asdict(facts)}, indent=1) + "\n",
        encoding="utf-8",
    )
    temporary.replace(path)


def described(facts: PoolFacts) -> str:
    """In a sentence."""
    words = f"of {facts.source}, seed {facts.seed}, {facts.size_px} px"
    if facts.tissue is None:
        return words
    part = f", part {facts.tissue.part} of its split" if facts.tissue.part else ""
    return f"{words}, {facts.tissue.slices} slices of {len(facts.tissue.patients)} patients{part}"
