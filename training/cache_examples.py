"""Examples from a cache of decoded series."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ich_node.detection.network_input import InputSpec
from ich_node.detection.slabs import Slab, to_slabs
from ich_node.detection.upright import Turn
from ich_node.series.series import Series, Slice
from training.cache import PIXELS, Entry, key_of, open_entries
from training.datasets import Box, LabelledSeries, Skip
from training.errors import DataError
from training.examples import Examples
from training.weak_masks import turned_box, weak_mask

LINE = np.dtype(
    [
        ("uid", "S64"),
        ("at", np.int64),
        ("shape", np.int32, 2),
        ("dtype", "S3"),
        ("spacing_mm", np.float64, 2),
        ("position_mm", np.float64),
    ]
)


@dataclass(frozen=True, kw_only=True)
class CacheExamples(Examples):
    """Slices of cached series, averaged to slabs if the spec says so.

    lines: where the pixels of every slice are, as a structured array: reading the reference counts
    of a list of a million objects would copy it into every worker process. first_N, count_N: the
    lines of each slice. boxes: the boxes that become masks, by the index of their slice.
    """

    folder: Path
    slab_mm: float
    lines: NDArray[Any] = field(repr=False)
    first_N: NDArray[np.intp]
    count_N: NDArray[np.intp]
    boxes: dict[int, tuple[Box, ...]] = field(default_factory=dict, repr=False)

    @property
    @override
    def has_masks(self) -> bool:
        return bool(self.boxes)

    @override
    def slice_of(self, index: int) -> Slice:
        first, count = self.first_N[index], self.count_N[index]
        members = tuple(_slice(self._bytes, line) for line in self.lines[first : first + count])
        (slab,) = _slabs(members, self.slab_mm)
        return slab.slice

    @override
    def mask_of(self, index: int) -> NDArray[np.uint8] | None:
        if index not in self.boxes:
            return None
        return weak_mask(
            self.slice_of(index), self.boxes[index], shift_hu=float(self.shift_N[index])
        )

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        """Mapped once in each process."""
        return np.asarray(np.memmap(self.folder / PIXELS, dtype=np.uint8, mode="r"))

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_bytes"}


def examples_of_cache(
    folder: Path,
    labelled: Sequence[LabelledSeries],
    spec: InputSpec,
    *,
    boxes_as_masks: bool = False,
) -> tuple[CacheExamples, tuple[Skip, ...]]:
    """The labelled slices of these series, and what is not used. A series that bleeds, and of none
    of whose slices the label is known, is a bag. boxes_as_masks: see `weak_masks`.

    Raises DataError for a series that is not in the cache.
    """
    entries = open_entries(folder)
    tables: list[NDArray[Any]] = [np.empty(0, LINE)]
    # first, count, label, series, shift, number of the example
    rows: list[tuple[int, int, bool, int, float, int]] = []
    skipped: list[Skip] = []
    boxes: dict[int, tuple[Box, ...]] = {}
    digest = hashlib.sha256()
    start, examples = 0, 0
    for number, series in enumerate(labelled):
        entry = entries.get(key_of(series))
        if entry is None:
            raise DataError(
                f"series {series.series_instance_uid} is not in the cache {folder}; fill it first"
            )
        digest.update(entry["key"].encode())
        skipped += _skipped(entry)
        if not entry["slices"]:
            continue
        table = _table(entry)
        shift_hu = _shift(entry, spec, folder)
        is_bag = _of_series(series) is True
        if is_bag:
            digest.update(b"bag")
        label_of = {
            slice_.sop_instance_uid: _of_series(series) if slice_.label is None else slice_.label
            for slice_ in series.slices
        }
        boxes_of = _turned_boxes(series, entry, folder) if boxes_as_masks else {}
        for first, count in _groups(table, spec.slab_mm):
            uids = [uid.decode() for uid in table["uid"][first : first + count]]
            label = _label([label_of[uid] for uid in uids])
            if label is None:
                skipped += [Skip(what=uid, reason="a slice without a label") for uid in uids]
            else:
                digest.update(bytes([label]))
                of_slab = tuple(box for uid in uids for box in boxes_of.get(uid, ()))
                if label and of_slab:
                    boxes[len(rows)] = of_slab
                    digest.update(repr(of_slab).encode())
                examples += not (is_bag and rows and rows[-1][3] == number)
                rows.append((start + first, count, label, number, shift_hu, examples))
        tables.append(table)
        start += len(table)
    columns = list(zip(*rows, strict=True)) or [()] * 6
    found = CacheExamples(
        folder=folder,
        slab_mm=spec.slab_mm,
        lines=np.concatenate(tables),
        first_N=np.array(columns[0], dtype=np.intp),
        count_N=np.array(columns[1], dtype=np.intp),
        boxes=boxes,
        label_N=np.array(columns[2], dtype=bool),
        series_N=np.array(columns[3], dtype=np.intp),
        shift_N=np.array(columns[4], dtype=np.float64),
        bag_N=np.array(columns[5], dtype=np.intp) if examples < len(rows) else None,
        digest=digest.hexdigest(),
    )
    return found, tuple(skipped)


def _table(entry: Entry) -> NDArray[Any]:
    """The lines of a series; `at` counts from the start of the file."""
    table = np.empty(len(entry["slices"]), LINE)
    for row, line in zip(table, entry["slices"], strict=True):
        for name in LINE.names or ():
            row[name] = line[name]
    table["at"] += entry["start"]
    return table


def _turned_boxes(series: LabelledSeries, entry: Entry, folder: Path) -> dict[str, tuple[Box, ...]]:
    """The boxes of each slice in the pixels of the cache, by SOP Instance UID."""
    boxes_of = {slice_.sop_instance_uid: slice_.boxes for slice_ in series.slices if slice_.boxes}
    turned = {}
    for line in entry["slices"]:
        boxes = boxes_of.get(line["uid"], ())
        if boxes and "turn" not in line:
            raise DataError(
                f"{folder} was filled by a version that did not note how slices were turned, and "
                "boxes need it; give another --cache, or --no-boxes-as-masks"
            )
        if boxes:
            transposes, flips_rows, flips_columns = line["turn"]
            turn = Turn(transposes=transposes, flips_rows=flips_rows, flips_columns=flips_columns)
            turned[line["uid"]] = tuple(turned_box(box, turn, line["shape"]) for box in boxes)
    return turned


def _slice(data: NDArray[np.uint8], line: Any) -> Slice:
    rows, columns = (int(length) for length in line["shape"])
    dtype = np.dtype(line["dtype"].decode())
    middle = line["at"] + rows * columns * dtype.itemsize
    padding = data[middle : middle + -(-rows * columns // 8)]
    return _placed(
        line,
        data[line["at"] : middle].view(dtype).reshape(rows, columns),
        np.unpackbits(padding, count=rows * columns).astype(bool).reshape(rows, columns),
    )


def _placed(line: Any, hu_YX: NDArray[Any], padding_YX: NDArray[np.bool_]) -> Slice:
    """All that the network's input depends on is that of the original. The rest, such as the
    patient's identity, is not in the cache.
    """
    row_mm, column_mm = line["spacing_mm"]
    return Slice(
        sop_instance_uid=line["uid"].decode(),
        sop_class_uid="",
        hu_YX=hu_YX,
        padding_YX=padding_YX,
        pixel_spacing_mm=(float(row_mm), float(column_mm)),
        image_position_mm=(0.0, 0.0, 0.0),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=float(line["position_mm"]),
    )


def _groups(table: NDArray[Any], slab_mm: float) -> list[tuple[int, int]]:
    """First line and number of lines of each example, grouped as serving groups slices. The groups
    depend on positions and matrices, so no pixel is read.
    """
    if not slab_mm:
        return [(first, 1) for first in range(len(table))]
    hu, padding = np.array(0, np.int16), np.array(False)
    empty = tuple(
        _placed(line, np.broadcast_to(hu, line["shape"]), np.broadcast_to(padding, line["shape"]))
        for line in table
    )
    counts = [len(slab.members) for slab in _slabs(empty, slab_mm)]
    return list(zip(np.cumsum([0, *counts[:-1]]).tolist(), counts, strict=True))


def _slabs(slices: tuple[Slice, ...], slab_mm: float) -> list[Slab]:
    return to_slabs(Series(study_instance_uid="", series_instance_uid="", slices=slices), slab_mm)


def _label(labels: Sequence[bool | None]) -> bool | None:
    """A slab bleeds if a member does; it is known not to only if every member is."""
    if True in labels:
        return True
    return None if None in labels else False


def _of_series(series: LabelledSeries) -> bool | None:
    """The label of a series of which no slice has one: True makes it a bag, False all of its slices
    negative.
    """
    return series.label if all(slice_.label is None for slice_ in series.slices) else None


def _shift(entry: Entry, spec: InputSpec, folder: Path) -> float:
    if spec.brain_hu is None:
        return 0.0
    if (entry["brain_hu"], entry["slab_mm"]) != (spec.brain_hu, spec.slab_mm):
        raise DataError(
            f"{folder} knows the shift to a brain of {entry['brain_hu']} HU in slabs of "
            f"{entry['slab_mm']} mm, the preset wants {spec.brain_hu} HU in {spec.slab_mm} mm; "
            "delete it and fill it again"
        )
    shift_hu: float = entry["shift_hu"]
    return shift_hu


def _skipped(entry: Entry) -> list[Skip]:
    if "skip" in entry:
        reason, detail = entry["skip"]
        return [Skip(what=entry["series"], reason=reason, detail=detail)]
    return [Skip(what=uid, reason=f"an image: {reason}") for uid, reason in entry["left_out"]]
