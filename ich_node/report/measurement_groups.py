"""The measurement groups of the SR.

::

    the series          Present | Absent | Undetermined, certainty,             TID 1501
                        inferred from the whole image of its likeliest slice
    each positive slice Present, certainty, inferred from its whole image       TID 1501
    each lesion         a group for each of its marks, the peak first: POINT    TID 1410
                        on its slice, certainty; the peak also has the height

The groups of one lesion share its tracking UID. OHIF shows groups with one tracking UID as one
measurement, and draws the first of them, which is the peak.

OHIF opens no document in which a measurement group has no coordinates. For that reason the
certainty of a slice or of the series refers to a polyline around the whole image.
"""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from ich_node.detection.lesions import Lesion, Mark
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice
from ich_node.report.observer import algorithm_identification
from ich_node.report.result_header import Algorithm
from ich_node.report.tree import (
    coded,
    container,
    image,
    number,
    point,
    text,
    uid_reference,
    whole_image,
)
from ich_node.report.uids import uid_from

LEAST_PERCENT = 0.1  # of certainty; the most is 100 minus this


def measurement_groups(context: Context) -> list[Dataset]:
    """Of the series, of each positive slice, and of each mark of each lesion, in this order."""
    common = common_items(context.result_header.algorithm)
    return [
        _series_group(context, common),
        *_slice_groups(context, common),
        *_lesion_groups(context, common),
    ]


def common_items(algorithm: Algorithm) -> list[Dataset]:
    """What every group says: finding, finding site and algorithm. All groups hold the same items,
    since their construction would take a third of the time that a group takes.
    """
    return [
        coded(codes.FINDING, codes.INTRACRANIAL_HEMORRHAGE, "CONTAINS"),
        coded(codes.FINDING_SITE, codes.INTRACRANIAL, "HAS CONCEPT MOD"),
        *algorithm_identification(algorithm),
    ]


def measurement_group(
    *items: Dataset, template: str, tracking: tuple[str, UID], common: Sequence[Dataset]
) -> Dataset:
    """template: 1501 for images as a whole, 1410 for a region. tracking: Tracking Identifier and
    Tracking Unique Identifier. common: `common_items`.
    """
    identifier, uid = tracking
    return container(
        codes.MEASUREMENT_GROUP,
        text(codes.TRACKING_IDENTIFIER, identifier, "HAS OBS CONTEXT"),
        uid_reference(codes.TRACKING_UID, uid, "HAS OBS CONTEXT"),
        *common,
        *items,
        template=template,
        continuous=True,
    )


def series_tracking(series_instance_uid: str) -> tuple[str, UID]:
    """Identifier and UID of the group of the series, the same in every revision."""
    return "series", uid_from("series", series_instance_uid)


def presence(value: Code) -> Dataset:
    """The qualitative evaluation: Present, Absent or Undetermined."""
    return coded(codes.INTRACRANIAL_HEMORRHAGE, value, "CONTAINS")


def column_row(mark: Mark) -> tuple[float, float]:
    """Image coordinates of a mark (PS3.3 C.18.6): (column, row), where 0\\0 is the top-left corner
    of the first pixel and 0.5\\0.5 its centre.
    """
    return round(mark.finding.column + 0.5, 2), round(mark.finding.row + 0.5, 2)


def certainty_percent(probability: float) -> float:
    """With one decimal; 0 and 100 are for probabilities of exactly 0 and 1."""
    rounded = round(100 * float(probability), 1)
    return min(max(rounded, LEAST_PERCENT), 100 - LEAST_PERCENT) if 0 < probability < 1 else rounded


def _series_group(context: Context, common: Sequence[Dataset]) -> Dataset:
    positive = context.reading.positive
    sources = context.positive_slices or context.slices
    return measurement_group(
        # Viewers that draw the frame of the whole image write this text beside it.
        *([] if positive else [text(codes.COMMENT, "Hemorrhage absent", "CONTAINS")]),
        _certainty(context.reading.series_probability, _inferred_from(_likeliest(context))),
        presence(codes.PRESENT if positive else codes.ABSENT),
        *(image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS") for read in sources),
        template="1501",
        tracking=series_tracking(context.reading.series_instance_uid),
        common=common,
    )


def _slice_groups(context: Context, common: Sequence[Dataset]) -> list[Dataset]:
    return [
        measurement_group(
            _certainty(read.reading.probability, _inferred_from(read)),
            presence(codes.PRESENT),
            image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS"),
            template="1501",
            tracking=(f"slice {read.number}", uid_from("slice", str(read.slice.image))),
            common=common,
        )
        for read in context.positive_slices
    ]


def _lesion_groups(context: Context, common: Sequence[Dataset]) -> list[Dataset]:
    return [
        measurement_group(
            _certainty(mark.finding.probability),
            *([_height(lesion)] if mark is lesion.peak and lesion.extent_mm > 0 else []),
            _point(context, mark),
            template="1410",
            tracking=(f"lesion {lesion.number}", context.tracking_uid(lesion)),
            common=common,
        )
        for lesion in context.lesions
        for mark in lesion.marks
    ]


def _likeliest(context: Context) -> ReadSlice:
    """The slice with the highest probability, which is that of the series. If several have it, the
    one with the peak of the first lesion.
    """
    peak_of_all = context.lesions[0].peak.slice.image if context.lesions else None
    return max(
        context.slices,
        key=lambda read: (read.reading.probability, read.slice.image == peak_of_all),
    )


def _inferred_from(read: ReadSlice) -> Dataset:
    """The whole image, from which the probability of a slice was computed."""
    return whole_image(codes.SOURCE, read.header, "INFERRED FROM")


def _point(context: Context, mark: Mark) -> Dataset:
    return point(
        codes.IMAGE_REGION,
        column_row(mark),
        source=context.slice_of(mark).header,
        relationship="CONTAINS",
    )


def _certainty(probability: float, *children: Dataset) -> Dataset:
    return number(
        codes.CERTAINTY_OF_FINDING,
        certainty_percent(probability),
        *children,
        unit=codes.PERCENT,
        relationship="CONTAINS",
    )


def _height(lesion: Lesion) -> Dataset:
    return number(
        codes.HEIGHT,
        round(lesion.extent_mm, 1),
        unit=codes.MILLIMETRE,
        relationship="CONTAINS",
    )
