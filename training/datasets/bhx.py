"""BHX 1.1 (PhysioNet, doi 10.13026/9cft-hg92): expert boxes for CQ500, joined by SOPInstanceUID.

File 1 has the boxes drawn by hand, files 2 and 3 have extrapolations to all and to selected series.
So a bleed has boxes on several reconstructions of a study; one series of each study is chosen.
"""

import ast
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from training.datasets.choose import Candidate, choose_series, left_out
from training.datasets.images import ImageSeries, Progress, find_images, no_progress
from training.datasets.labelled import (
    CHRONIC,
    KIND_OF,
    Box,
    Found,
    LabelledSeries,
    LabelledSlice,
    Skip,
    Source,
    series_label,
)
from training.datasets.tables import need_table, read_rows
from training.errors import DataError

TABLES = (  # the hand-drawn boxes first; --boxes names another table
    "*1_Initial_Manual_Labeling*.csv",
    "*3_Extrapolation_to_Selected_Series*.csv",
    "*2_Extrapolation_to_All_Series*.csv",
    "bhx*.csv",
)
NAMES = ("SOPInstanceUID", "labelName")
CORNER = ("x", "y", "width", "height")  # top left corner and size in pixels of the original image

Boxes = dict[str, tuple[Box, ...]]  # SOPInstanceUID -> its boxes


def read_bhx(
    folder: Path,
    *,
    progress: Progress = no_progress,
    boxes: Path | None = None,
    chronic: bool = True,
) -> Found:
    """The boxed series below the folder, one of each study.

    boxes: the table; default: the first of TABLES that exists. chronic False: a slice with chronic
    boxes alone has no label; its boxes are kept, so that the scoring can ignore them.

    An image of a boxed series without a box is negative: the readers looked at whole series.
    """
    boxes_of = read_boxes(boxes or need_table(folder, *TABLES))
    groups, skipped = find_images(folder, progress)
    with_boxes = [group for group in groups if boxed_slices(group, boxes_of)]
    without = [group for group in groups if not boxed_slices(group, boxes_of)]
    skipped += [
        Skip(what=group.series_instance_uid, reason="a series without boxes") for group in without
    ]
    chosen, worse = choose_series(with_boxes, lambda group: boxed_slices(group, boxes_of))
    return Found(
        source="bhx",
        folder=folder,
        series=tuple(
            boxed_series(candidate, boxes_of, source="bhx", chronic=chronic) for candidate in chosen
        ),
        skipped=(*skipped, *worse, *left_out(chosen), *without_image(boxes_of, groups)),
    )


def read_boxes(table: Path) -> Boxes:
    """All boxes of a BHX file, of one reader or of several."""
    boxes: dict[str, list[Box]] = defaultdict(list)
    for line, row in read_rows(table, NAMES):
        kind = KIND_OF.get(row["labelName"].strip().lower())
        if kind is None:
            raise DataError(
                f"{table} line {line}: labelName {row['labelName']!r} is none of "
                f"{', '.join(KIND_OF)}; correct the line"
            )
        column, column_count, row_, row_count = _corner(row, table, line)
        box = Box(
            kind=kind,
            row0=row_,
            column0=column,
            row1=row_ + row_count,
            column1=column + column_count,
        )
        boxes[row["SOPInstanceUID"].strip()].append(box)
    return {uid: tuple(of_slice) for uid, of_slice in boxes.items()}


def boxed_slices(group: ImageSeries, boxes: Boxes) -> int:
    """How many images of a series have boxes."""
    return sum(image.sop_instance_uid in boxes for image in group.images)


def without_image(boxes: Boxes, groups: Sequence[ImageSeries]) -> list[Skip]:
    """The boxed slices whose image is missing."""
    present = {image.sop_instance_uid for group in groups for image in group.images}
    return [
        Skip(what=uid, reason="boxed, but its image is not there")
        for uid in boxes
        if uid not in present
    ]


def boxed_series(
    candidate: Candidate,
    boxes: Boxes,
    *,
    source: Source,
    chronic: bool,
    truth: tuple[bool, frozenset[str]] | None = None,
) -> LabelledSeries:
    """A chosen series with its boxes. truth: label and kinds of the study, if another table has
    them.
    """
    slices = []
    for image in candidate.usable:
        of_slice = boxes.get(image.sop_instance_uid, ())
        slices.append(
            LabelledSlice(
                sop_instance_uid=image.sop_instance_uid,
                patient_id=image.patient_id,
                study_instance_uid=image.study_instance_uid,
                series_instance_uid=image.series_instance_uid,
                path=image.path,
                label=_label(of_slice, chronic),
                kinds=frozenset(box.kind for box in of_slice),
                boxes=of_slice,
            )
        )
    return LabelledSeries(
        source=source,
        patient_id=candidate.series.patient_id,
        study_instance_uid=candidate.series.study_instance_uid,
        series_instance_uid=candidate.series.series_instance_uid,
        slices=tuple(slices),
        label=truth[0] if truth else series_label(slice_.label for slice_ in slices),
        kinds=truth[1] if truth else frozenset().union(*(slice_.kinds for slice_ in slices)),
        chosen_because=candidate.description(),
    )


def _label(boxes: tuple[Box, ...], chronic: bool) -> bool | None:
    if not boxes:
        return False
    return True if chronic or any(box.kind != CHRONIC for box in boxes) else None


def _corner(row: dict[str, str], table: Path, line: int) -> tuple[float, float, float, float]:
    """x, width, y and height, from `data` (a Python literal with single quotes) or from columns of
    these names.
    """
    try:
        values = ast.literal_eval(row["data"]) if row.get("data") else row
        x, y, width, height = (float(values[name]) for name in CORNER)
    except (KeyError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError) as error:
        raise DataError(
            f"{table} line {line}: neither `data` nor the columns {', '.join(CORNER)} "
            f"hold a box ({error})"
        ) from error
    if not (width > 0 and height > 0):
        raise DataError(
            f"{table} line {line}: the box is {width:g} x {height:g} pixels; take the line out"
        )
    return x, width, y, height
