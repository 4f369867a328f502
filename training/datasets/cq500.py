"""CQ500: reads.csv, the answers of three radiologists for each of 491 studies, and their series.

The truth is the majority of the three, and it labels the study. A slice has a label only if the
study is negative, or from the BHX boxes if their table lies in the same folder.
"""

import re
from dataclasses import replace
from pathlib import Path

from training.datasets.bhx import TABLES as BOX_TABLES
from training.datasets.bhx import Boxes, boxed_series, boxed_slices, read_boxes, without_image
from training.datasets.choose import Candidate, choose_series, left_out
from training.datasets.images import ImageSeries, Progress, find_images, no_progress
from training.datasets.labelled import Found, LabelledSeries, Skip
from training.datasets.tables import find_table, need_table, read_rows, zero_or_one
from training.errors import DataError

TABLES = ("*reads.csv",)
READERS = ("R1", "R2", "R3")
ANSWERS = {
    "IPH": "IPH",
    "IVH": "IVH",
    "SAH": "SAH",
    "SDH": "SDH",
    "EDH": "EDH",
    "ChronicBleed": "chronic",
}
COLUMNS = ["name", *(f"{reader}:{answer}" for reader in READERS for answer in ("ICH", *ANSWERS))]
IN_PATH = re.compile(r"CQ500-?CT-?(\d+)")

Reads = dict[str, tuple[bool, frozenset[str]]]  # patient -> (bleeding, its kinds), by the majority


def read_cq500(
    folder: Path,
    *,
    progress: Progress = no_progress,
    boxes: Path | None = None,
    chronic: bool = True,
) -> Found:
    """One series of every study in reads.csv. boxes, chronic: as in `read_bhx`, but the boxes may
    be missing.
    """
    table = need_table(folder, *TABLES)
    reads = read_reads(table)
    box_table = boxes or find_table(folder, *BOX_TABLES)
    boxes_of = read_boxes(box_table) if box_table else {}
    groups, skipped = find_images(folder, progress)
    named = [_named(group, reads) for group in groups]
    skipped += [
        Skip(
            what=group.series_instance_uid,
            reason=f"patient not in {table.name}",
            detail=group.patient_id,
        )
        for group in named
        if group.patient_id not in reads
    ]
    chosen, worse = choose_series(
        [group for group in named if group.patient_id in reads],
        lambda group: boxed_slices(group, boxes_of),
    )
    found = {candidate.series.patient_id for candidate in chosen}
    absent = [
        Skip(what=name, reason=f"in {table.name}, but no series of it can be used")
        for name in reads
        if name not in found
    ]
    return Found(
        source="cq500",
        folder=folder,
        series=tuple(
            _labelled(candidate, reads=reads, boxes=boxes_of, chronic=chronic)
            for candidate in chosen
        ),
        skipped=(*skipped, *worse, *left_out(chosen), *absent, *without_image(boxes_of, groups)),
    )


def read_reads(table: Path) -> Reads:
    """The majority of the three readers for every study."""
    reads: Reads = {}
    for line, row in read_rows(table, COLUMNS):
        name = row["name"].strip()
        answers = {
            answer: _majority(row, answer=answer, table=table, line=line)
            for answer in ("ICH", *ANSWERS)
        }
        truth = (
            answers["ICH"],
            frozenset(kind for answer, kind in ANSWERS.items() if answers[answer]),
        )
        if reads.setdefault(name, truth) != truth:
            raise DataError(
                f"{table} line {line}: {name} is there twice with other answers; "
                "keep the right line"
            )
    return reads


def _majority(row: dict[str, str], *, answer: str, table: Path, line: int) -> bool:
    votes = sum(
        zero_or_one(row[f"{reader}:{answer}"], column=f"{reader}:{answer}", path=table, line=line)
        for reader in READERS
    )
    return votes * 2 > len(READERS)


def _named(group: ImageSeries, reads: Reads) -> ImageSeries:
    """PatientID is the name in reads.csv. In copies that were anonymised once more only the path
    has it.
    """
    if group.patient_id in reads:
        return group
    in_path = IN_PATH.findall(str(group.images[0].path.parent))
    name = f"CQ500-CT-{in_path[-1]}" if in_path else ""
    if name not in reads:
        return group
    return replace(
        group,
        patient_id=name,
        images=tuple(replace(image, patient_id=name) for image in group.images),
    )


def _labelled(candidate: Candidate, *, reads: Reads, boxes: Boxes, chronic: bool) -> LabelledSeries:
    truth = reads[candidate.series.patient_id]
    series = boxed_series(candidate, boxes, source="cq500", chronic=chronic, truth=truth)
    if candidate.boxed or not series.label:
        return series
    return replace(series, slices=tuple(replace(slice_, label=None) for slice_ in series.slices))
