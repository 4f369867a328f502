"""What an adaptation is made of, as a hash: the same command is known again."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from training.adapt.recipe import Recipe
from training.datasets import LabelledSeries
from training.errors import DataError

FIGURES = "figures.json"
INPUTS = "inputs.json"
ROW_BYTES = 3  # a pixel in a pool: 16 bits and its mask
SPARE_BYTES = 200 * 2**20


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where an adaptation writes. card: stays beside the bundle. work: holds images of patients and
    the checkpoint, and is deleted at the end.
    """

    bundle: Path

    @property
    def card(self) -> Path:
        return self.bundle.with_suffix(".card")

    @property
    def work(self) -> Path:
        return self.bundle.with_suffix(".work")

    def clear_work(self) -> None:
        if self.work.exists():
            shutil.rmtree(self.work)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """An adaptation that came to its end. objections: why no bundle was written."""

    inputs: str
    at: str
    objections: tuple[str, ...]


def inputs_of(
    negatives: Sequence[LabelledSeries],
    positives: Sequence[LabelledSeries],
    *,
    parent_sha256: str,
    confirmed: Iterable[str],
    recipe: Recipe,
    seed: int,
) -> str:
    """Changes with everything that the numbers depend on."""
    document = {
        "negatives": [_facts(series) for series in negatives],
        "positives": [_facts(series) for series in positives],
        "parent": parent_sha256,
        "confirmed": sorted(confirmed),
        "recipe": asdict(recipe),
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def finished(folders: Folders) -> Finished | None:
    """What came of an earlier run with this --out; None if none has come to its end."""
    try:
        document = json.loads((folders.card / FIGURES).read_text(encoding="utf-8"))
        return Finished(
            inputs=document["inputs"],
            at=document["at"],
            objections=tuple(document["objections"]),
        )
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folders.card / FIGURES} is damaged ({error!r}); delete {folders.card}"
        ) from error


def write_finished(
    folders: Folders,
    figures: dict[str, Any],
    *,
    inputs: str,
    objections: Sequence[str],
    at: datetime,
) -> None:
    document = {
        "inputs": inputs,
        "at": at.isoformat(timespec="seconds"),
        "objections": list(objections),
        **figures,
    }
    (folders.card / FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_work(folders: Folders, inputs: str, recipe: Recipe, *, size_px: int) -> bool:
    """Make the folder for the work, or go on in it; returns whether it goes on. Raises DataError if
    it is of other studies or options, or the disk has too little room.
    """
    mark = folders.work / INPUTS
    if mark.exists():
        if json.loads(mark.read_text(encoding="utf-8"))["inputs"] != inputs:
            raise DataError(
                f"{folders.work} is of an adaptation to other studies or with other options;"
                " give the same ones, another --out, or --again to begin anew"
            )
        return True
    folders.bundle.parent.mkdir(parents=True, exist_ok=True)
    _check_room(folders.bundle.parent, recipe, size_px)
    folders.work.mkdir(exist_ok=True)
    mark.write_text(json.dumps({"inputs": inputs}), encoding="utf-8")
    return False


def forget(folders: Folders) -> None:
    """--again: nothing is left of the work and the outcome of an earlier run. The bundle and the
    card are replaced at the end; the card's folder has the list that a person has confirmed.
    """
    folders.clear_work()
    (folders.card / FIGURES).unlink(missing_ok=True)


def _facts(series: LabelledSeries) -> list[Any]:
    return [
        series.series_instance_uid,
        sorted(slice_.sop_instance_uid for slice_ in series.slices),
        series.label,
    ]


def _check_room(folder: Path, recipe: Recipe, size_px: int) -> None:
    slices = recipe.tissue_slices + recipe.phantom_slices
    needed = slices * size_px**2 * ROW_BYTES + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{folder} has {free / 2**20:.0f} MiB free, and the work needs about"
            f" {needed / 2**20:.0f} MiB until its end; make room, or give an --out elsewhere"
        )
