"""What is kept of a reading for people who look, in the spool: of every reading, also of one of
which nobody is told.
"""

from collections.abc import Sequence

import numpy as np

from ich_node.detection.kept_reading import (
    SUFFIX,
    KeptLesion,
    KeptMap,
    KeptMark,
    KeptReading,
    KeptSlice,
    ReadingWithMaps,
)
from ich_node.detection.lesions import Lesion
from ich_node.detection.reading import Reading
from ich_node.detection.slabs import slab_groups
from ich_node.dicom.image_id import ImageId
from ich_node.ledger import MapFile
from ich_node.model.detector import Detector
from ich_node.report.arrows import arrows_on
from ich_node.report.overlay import number_px
from ich_node.series.series import Series, Slice
from ich_node.spool import Spool


def keep_maps(
    spool: Spool,
    reading: Reading,
    series: Series,
    detector: Detector,
    lesions: Sequence[Lesion],
) -> MapFile:
    """lesions: as in the report. Raises SpoolFull, Unavailable."""
    kept = reading_with_maps(reading, series, detector, lesions)
    stored = spool.put(kept.encode(), suffix=SUFFIX)
    return MapFile(path=stored.path, size_bytes=stored.size_bytes)


def reading_with_maps(
    reading: Reading, series: Series, detector: Detector, lesions: Sequence[Lesion]
) -> ReadingWithMaps:
    map_indices = _map_indices(series, reading, detector)
    kept = KeptReading(
        answer=reading.answer,
        series_probability=reading.series_probability,
        threshold=reading.threshold,
        bundle=reading.bundle,
        demonstration=detector.bundle.demonstration,
        engine=reading.engine,
        shift_hu=reading.shift_hu,
        slices=tuple(
            KeptSlice(
                sop_instance_uid=slice_.sop_instance_uid,
                frame_number=slice_.frame_number,
                instance_number=slice_.instance_number,
                position_mm=slice_.position_mm,
                stack=slice_.stack,
                shape=(slice_.hu_YX.shape[0], slice_.hu_YX.shape[1]),
                pixel_spacing_mm=slice_.pixel_spacing_mm,
                image_orientation=slice_.image_orientation,
                probability=its.probability,
                map_index=map_indices[slice_.image],
                marks=_marks(slice_, lesions),
            )
            for slice_, its in zip(series.slices, reading.slices, strict=True)
        ),
        maps=tuple(
            KeptMap(logit=each.logit, grid=each.grid, size_px=each.size_px, contour=each.contour)
            for each in reading.maps
        ),
        lesions=tuple(_lesion(lesion, series) for lesion in lesions),
        missing=reading.missing,
        left_out=reading.left_out,
        warnings=reading.warnings,
    )
    shown = [detector.shown(each) for each in reading.maps]
    return ReadingWithMaps(reading=kept, likelihood_MYX=np.stack(shown).astype(np.float16))


def _map_indices(series: Series, reading: Reading, detector: Detector) -> dict[ImageId, int]:
    """The thin slices of a slab share a map."""
    groups = slab_groups(series, detector.bundle.input.slab_mm)
    return {
        member.image: index
        for index, (_, group) in enumerate(zip(reading.maps, groups, strict=True))
        for member in group
    }


def _marks(slice_: Slice, lesions: Sequence[Lesion]) -> tuple[KeptMark, ...]:
    probability_of = {
        lesion.number: mark.finding.probability
        for lesion in lesions
        for mark in lesion.marks
        if mark.slice.image == slice_.image
    }
    if not probability_of:
        return ()
    arrows = arrows_on(slice_, lesions, number_px(slice_.hu_YX.shape))
    return tuple(
        KeptMark(
            lesion=arrow.number,
            row=arrow.at[1],
            column=arrow.at[0],
            tip_row=arrow.tip[1],
            tip_column=arrow.tip[0],
            probability=probability_of[arrow.number],
        )
        for arrow in arrows
    )


def _lesion(lesion: Lesion, series: Series) -> KeptLesion:
    """A Lesion counts the slices that have a map; people count all of them."""
    place_of = {slice_.image: index for index, slice_ in enumerate(series.slices)}
    return KeptLesion(
        number=lesion.number,
        certainty=lesion.certainty,
        extent_mm=lesion.extent_mm,
        peak_mm=lesion.peak.patient_mm,
        slices=tuple(place_of[mark.slice.image] for mark in lesion.marks),
    )
