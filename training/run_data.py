"""The data of `ich-node train run`, from the folders and files that its options name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.cache import fill_cache
from training.data import (
    DataPart,
    SplitSeries,
    TrainingData,
    data_of_parts,
    open_parts,
    part_of_pool,
    part_of_set,
)
from training.datasets import Found, recognise
from training.datasets.labelled import Source
from training.distributed import ProcessGroup
from training.errors import DataError
from training.pool_examples import is_pool
from training.presets import Preset
from training.splits import data_set_of, open_split
from training.terminal import progress_bar, read_with_progress


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options of a run name. mix: as they were written, DATA=WEIGHT. boxes_as_masks None:
    where it is mixed and the preset learns from masks.
    """

    folder: Path
    mix: Sequence[str] = ()
    splits: Sequence[Path] = ()
    validation: Sequence[Path] = ()
    source: Source | None = None
    cache: Path
    boxes_as_masks: bool | None = None


def data_of_run(
    wanted: Wanted, *, preset: Preset, processes: ProcessGroup, workers: int
) -> TrainingData:
    """Read, cache and open everything. Raises DataError for what does not fit together."""
    sets = [(wanted.folder, 1.0), *(_weighted(text) for text in wanted.mix)]
    folders = [folder for folder, _ in sets]
    _check_folders(folders, wanted.validation)
    names = _names([*folders, *wanted.validation])
    splits = _by_data_set(wanted.splits)
    learns_masks = preset.map_loss is not None and preset.network.head == "max"
    boxes_as_masks = wanted.boxes_as_masks
    if boxes_as_masks is None:
        boxes_as_masks = learns_masks and len(sets) > 1
    elif boxes_as_masks and not learns_masks:
        raise DataError(
            f"--boxes-as-masks: {preset.name} with the head {preset.network.head} learns from "
            "labels alone; take the option out, or give --preset product --head max"
        )
    parts: list[DataPart] = []
    used: set[str] = set()
    for place, (folder, weight) in enumerate(sets):
        name = names[folder]
        if is_pool(folder):
            parts.append(part_of_pool(folder, preset, name=name, weight=weight))
            continue
        read = partial(
            _read_data_set,
            folder,
            source=wanted.source if place == 0 else None,
            splits=splits,
            cache=wanted.cache,
            workers=workers,
        )
        found, own = processes.from_first(read)
        used.add(own.patients.data_set)
        parts.append(
            part_of_set(
                found,
                parts=own,
                cache=wanted.cache,
                preset=preset,
                name=name,
                weight=weight,
                boxes_as_masks=boxes_as_masks,
            )
        )
    for data_set, path in splits.items():
        if data_set not in used:
            raise DataError(
                f"--split {path} is of {data_set}, and no data set of this run is; leave it out"
            )
    parts += [
        part_of_pool(folder, preset, name=names[folder], validates=True)
        for folder in wanted.validation
    ]
    return data_of_parts(parts)


def _weighted(text: str) -> tuple[Path, float]:
    """DATA=WEIGHT."""
    name, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = 0.0
    if not name or not 0 < weight < float("inf"):
        raise DataError(
            f"--mix {text}: give DATA=WEIGHT with a weight above 0, e.g. --mix runs/pool=0.5"
        )
    folder = Path(name)
    if not folder.is_dir():
        raise DataError(f"--mix {text}: {folder} is not a folder; give a pool or a data set")
    return folder, weight


def _check_folders(learned: Sequence[Path], validation: Sequence[Path]) -> None:
    """Every folder once, pools where pools are needed."""
    seen: set[Path] = set()
    for folder in (*learned, *validation):
        if folder.resolve() in seen:
            raise DataError(
                f"{folder} is given twice: learn from it once, with the weight that it is to have, "
                "and validate on a pool of another --seed"
            )
        seen.add(folder.resolve())
    pools = [folder for folder in learned if is_pool(folder)]
    if pools == list(learned) and not validation:
        raise DataError(f"{learned[0]} is a pool: give --validation, a pool of another --seed")
    for folder in validation:
        if not is_pool(folder) or not pools:
            raise DataError(
                f"--validation {folder} goes with a pool, and "
                f"{learned[0] if not pools else folder} is none; "
                "a data set's split names its validation part"
            )


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """The folders' own names; of folders of one name their paths."""
    own = [folder.resolve().name for folder in folders]
    return {
        folder: name if own.count(name) == 1 else str(folder)
        for folder, name in zip(folders, own, strict=True)
    }


def _by_data_set(paths: Sequence[Path]) -> dict[str, Path]:
    """Split files by the data set that they are of."""
    splits: dict[str, Path] = {}
    for path in paths:
        data_set = open_split(path).data_set
        if data_set in splits:
            raise DataError(
                f"{splits[data_set]} and {path} are both splits of {data_set}; give one"
            )
        splits[data_set] = path
    return splits


def _read_data_set(
    folder: Path,
    *,
    source: Source | None,
    splits: Mapping[str, Path],
    cache: Path,
    workers: int,
) -> tuple[Found, SplitSeries]:
    """The data set and its parts; after this the cache holds every series of both."""
    source = source or recognise(folder)
    data_set = data_set_of(source)
    if data_set not in splits:
        others = f", and the splits given are of {', '.join(splits)}" if splits else ""
        raise DataError(
            f"{folder} needs --split FILE{' of ' + data_set + others if splits else ''}; "
            f"write one with `ich-node train split {folder} --out FILE`"
        )
    found = read_with_progress(folder, source)
    parts = open_parts(found, splits[data_set])
    with progress_bar("caching series", "series") as advance:
        fill_cache(cache, parts.all(), workers=workers, progress=advance)
    return found, parts
