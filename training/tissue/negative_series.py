"""Series that do not bleed: those of a data set, or all of a folder that is known to be negative;
and the tissue of such a series.
"""

import statistics
from itertools import pairwise
from pathlib import Path

from ich_node.detection.slabs import to_slabs
from ich_node.detection.upright import Turn, upright
from ich_node.errors import Refusal
from ich_node.series.series import Series
from training.datasets import Found, LabelledSeries, LabelledSlice, Skip, load
from training.datasets.choose import NOMINAL_MM, choose_series, left_out
from training.datasets.images import Progress, find_images, no_progress
from training.datasets.recognise import read_dataset, tables_in
from training.errors import DataError
from training.pool import FIELD_MM, SIZE_PX
from training.presets import SLAB_MM
from training.tissue.grid import hu_on_grid
from training.tissue.tissue import Tissue


def find_negatives(folder: Path, *, progress: Progress = no_progress) -> Found:
    """The series without bleeding of a data set; of a folder without a data set's table the best
    series of every study.
    """
    if not tables_in(folder):
        return _all_of(folder, progress)
    found = read_dataset(folder, progress=progress)
    return Found(
        source=found.source,
        folder=folder,
        series=tuple(series for series in found.series if series.label is False),
        skipped=found.skipped,
    )


def tissue_of(series: LabelledSeries, *, size_px: int = SIZE_PX) -> Tissue | Skip:
    """The series as the network sees it: read by `read_series`, in slabs, upright, on its pixel
    grid.
    """
    try:
        return _tissue(series, load(series), size_px)
    except Refusal as refusal:
        reason, detail = f"a series not to be read: {refusal.reason}", refusal.detail
    except DataError as error:
        reason, detail = "a series with a damaged file", error.detail
    return Skip(what=series.series_instance_uid, reason=reason, detail=detail)


def _all_of(folder: Path, progress: Progress) -> Found:
    groups, skipped = find_images(folder, progress)
    chosen, worse = choose_series(groups)
    series = tuple(
        LabelledSeries(
            source="labels",
            patient_id=candidate.series.patient_id,
            study_instance_uid=candidate.series.study_instance_uid,
            series_instance_uid=candidate.series.series_instance_uid,
            slices=tuple(
                LabelledSlice(
                    sop_instance_uid=image.sop_instance_uid,
                    patient_id=image.patient_id,
                    study_instance_uid=image.study_instance_uid,
                    series_instance_uid=image.series_instance_uid,
                    path=image.path,
                    label=False,
                )
                for image in candidate.usable
            ),
            label=False,
            chosen_because=candidate.description(),
        )
        for candidate in chosen
    )
    return Found(
        source="labels",
        folder=folder,
        series=series,
        skipped=(*skipped, *worse, *left_out(chosen)),
    )


def _tissue(labelled: LabelledSeries, series: Series, size_px: int) -> Tissue:
    """Of the largest stack."""
    slabs = [slab.slice for slab in to_slabs(series, SLAB_MM)]
    stack = [slice_ for slice_ in slabs if slice_.stack == 0]
    first = labelled.slices[0].path
    turn = Turn.of(stack[0].image_orientation)
    steps_mm = [after.position_mm - before.position_mm for before, after in pairwise(stack)]
    return Tissue(
        hu_SYX=hu_on_grid(
            (upright(slice_, turn) for slice_ in stack),
            size_px=size_px,
            pixel_mm=FIELD_MM / size_px,
        ),
        pixel_mm=FIELD_MM / size_px,
        slice_mm=statistics.median(steps_mm) if steps_mm else NOMINAL_MM,
        patient=labelled.patient_id,
        name=first.name if len(labelled.slices) == 1 else labelled.series_instance_uid,
    )
