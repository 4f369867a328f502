"""What a bundle is judged by: real series of known answer, and slices with expert boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pydicom

from ich_node.errors import Refusal
from ich_node.scoring.points import Box
from ich_node.series.read import read_series
from ich_node.series.series import Series
from training.datasets.bhx import read_boxes
from training.datasets.labelled import LabelledSeries, Skip
from training.datasets.tissue import read_tissue
from training.predictions import load_or_skip
from training.splits import data_set_of, make_split

Group = Literal["positive", "negative", "apart", "boxed", "bleeding", "stack", "clean half"]
BOXED = {  # the other two copies of CT-310 are damaged
    "CT-1": "CQ500-CT-1/2.5_5mm/CT000000.dcm",
    "CT-310": "CQ500-CT-310/5_5mm_Plain_one_slice/693_UNCR.dcm",
    "CT-310, JPEG 2000": "CQ500-CT-310/5_5mm_Plain_one_slice/693_J2KR.dcm",
}
BOX_TABLE = "bhx_boxes_for_available_slices.csv"
APART = "cq500-0"  # an injection; one reader of three said blood
FRACTIONS = {"train": 0.62, "validation": 0.13, "test": 0.25}
SEED = 4
SLICE_MM = 5.0  # of the patients left out
Part = Literal["test", "validation"]
PARTS: tuple[Part, ...] = ("test", "validation")


@dataclass(frozen=True, kw_only=True)
class JudgedSeries:
    """boxes, kinds: by SOPInstanceUID. patient: of a part of the tissue. copy: the
    slice before in another coding.
    """

    name: str
    group: Group
    series: Series
    boxes: dict[str, tuple[Box, ...]] = field(default_factory=dict)
    kinds: dict[str, frozenset[str]] = field(default_factory=dict)
    patient: str = ""
    part: Part | None = None
    copy: bool = False


@dataclass(kw_only=True)
class Judged:
    """unread: a line for everything that could not be read."""

    series: list[JudgedSeries] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def development_series(folder: Path) -> Judged:
    """positive/*, negative/*, thin/cq500-0 apart, and the boxed slices, each a series of one."""
    judged = Judged()
    folders_of: dict[Group, list[Path]] = {
        "positive": sorted((folder / "positive").glob("*")),
        "negative": sorted((folder / "negative").glob("*")),
        "apart": [folder / "thin" / APART],
    }
    for group, folders in folders_of.items():
        if not folders:
            judged.unread.append(f"{folder / group}: no series")
        for path in folders:
            _add(judged, path.name, group, sorted(path.glob("*")))
    boxes = read_boxes(folder / "boxed" / BOX_TABLE)
    for name, file in BOXED.items():
        _add(judged, name, "boxed", [folder / "boxed" / file], boxes)
    return judged


def _add(
    judged: Judged,
    name: str,
    group: Group,
    paths: list[Path],
    boxes: Mapping[str, tuple[Box, ...]] = MappingProxyType({}),
) -> None:
    try:
        datasets = [pydicom.dcmread(path) for path in paths]
        if group == "apart":  # its description names the injection, and it would be refused
            for dataset in datasets:
                dataset.pop("SeriesDescription", None)
        series = read_series(datasets, single_slice=group == "boxed")
    except (Refusal, OSError, pydicom.errors.InvalidDicomError) as error:
        judged.unread.append(f"{name}: {error}")
        return
    uids = {slice_.sop_instance_uid for slice_ in series.slices}
    of_series = {uid: found for uid, found in boxes.items() if uid in uids}
    if boxes and not of_series:
        judged.unread.append(f"{name}: no box of {BOX_TABLE} is of this slice")
    judged.unread += [f"{name}: {left.kind}: {left.reason}" for left in series.left_out]
    copy = any(_pixels(series) == _pixels(before.series) for before in judged.series)
    judged.series.append(
        JudgedSeries(name=name, group=group, series=series, boxes=of_series, copy=copy)
    )


def _pixels(series: Series) -> bytes:
    return b"".join(slice_.hu_YX.tobytes() for slice_ in series.slices)


def left_out_patients(folder: Path) -> Judged:
    """The patients of the parts test and validation: every bleeding slice as a series of one, the
    stack of each patient, and every clean half as a series of one.
    """
    found = read_tissue(folder)
    split = make_split(data_set_of(found.source), found.patients(), fractions=FRACTIONS, seed=SEED)
    judged = Judged(unread=[f"{skip.what}: {skip.reason} {skip.detail}" for skip in found.skipped])
    for part in PARTS:
        for patient in sorted(found.patients(), key=int):
            if split.part_of(patient) == part:
                _add_patient(
                    judged, part, [item for item in found.series if item.patient_id == patient]
                )
    return judged


def _add_patient(judged: Judged, part: Part, labelled: Sequence[LabelledSeries]) -> None:
    bleeding: list[JudgedSeries] = []
    for item in labelled:
        series = load_or_skip(item)
        (labels,) = item.slices
        if isinstance(series, Skip):
            judged.unread.append(f"{labels.path.name}: {series.reason} {series.detail}")
            continue
        uid = labels.sop_instance_uid
        judged.series.append(
            JudgedSeries(
                name=labels.path.stem,
                group="bleeding" if labels.label else "clean half",
                series=series,
                boxes={uid: labels.boxes} if labels.boxes else {},
                kinds={uid: labels.kinds},
                patient=item.patient_id,
                part=part,
            )
        )
        if labels.label:
            bleeding.append(judged.series[-1])
    if bleeding:
        judged.series.append(_stack(bleeding))


def _stack(bleeding: Sequence[JudgedSeries]) -> JudgedSeries:
    """The slices of a patient as one series; the slices between them are not known."""
    slices = (slice_ for item in bleeding for slice_ in item.series.slices)
    return replace(
        bleeding[0],
        name=bleeding[0].patient,
        group="stack",
        series=replace(
            bleeding[0].series,
            slices=tuple(
                replace(slice_, position_mm=SLICE_MM * place) for place, slice_ in enumerate(slices)
            ),
        ),
        boxes={uid: boxes for item in bleeding for uid, boxes in item.boxes.items()},
        kinds={uid: kinds for item in bleeding for uid, kinds in item.kinds.items()},
    )
