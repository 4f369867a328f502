"""Headers of one series -> the axial CT objects to read, in order, and what is left out. No pixels
are decoded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.errors import MixedSeries, TooFewSlices, TooLarge
from ich_node.series.attributes import integer_of, uid_of, values_of
from ich_node.series.descriptions import contrast_hint
from ich_node.series.object_checks import check_kind, check_protocol
from ich_node.series.stack import (
    Kept,
    check_stack,
    one_orientation,
    order_of,
    placed,
    without_doubles,
)

MOST_OBJECTS = 2_000
# 2,000 slices of 512 x 512: what is decoded is in memory until the series has been read
MOST_SERIES_PIXELS = 1 << 29


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The objects of a series that are read (kept, ordered by position), and those that are not.

    left_out: (SOPInstanceUID, kind, reason). contrast_hint: words about contrast agent that only the
    pixels can confirm; '' if there are none.
    """

    study_instance_uid: str
    series_instance_uid: str
    kept: tuple[Kept, ...]
    left_out: tuple[tuple[str, str, str], ...]
    contrast_hint: str


def select(datasets: Sequence[Dataset], *, single_slice: bool) -> Selection:
    """Choose and order the objects of one series. Raises the Refusal that fits.

    single_slice: one lone object may be a series.
    """
    if not datasets:
        raise TooFewSlices("the series has no objects")
    if len(datasets) > MOST_OBJECTS:
        raise TooLarge(
            f"{len(datasets)} objects in one series; a head CT has fewer than {MOST_OBJECTS}"
        )
    for dataset in datasets:
        check_kind(dataset)
    study_uid, series_uid = _one_series(datasets)
    images, left_out = _without_localizers(_distinct(datasets))
    pixels = sum(
        integer_of(dataset, "Rows", 0) * integer_of(dataset, "Columns", 0) for dataset in images
    )
    if pixels > MOST_SERIES_PIXELS:
        raise TooLarge(
            f"{pixels} pixels in one series; a head CT has fewer than {MOST_SERIES_PIXELS}"
        )
    for dataset in images:
        check_protocol(dataset)
    in_place = sorted(map(placed, images), key=order_of)
    axial, strays = one_orientation(in_place)
    kept, doubles = without_doubles(axial)
    if not (single_slice and len(kept) == 1):
        check_stack(kept)
    return Selection(
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        kept=tuple(kept),
        left_out=tuple(sorted([*left_out, *strays, *doubles])),
        contrast_hint=next(filter(None, (contrast_hint(item.dataset) for item in kept)), ""),
    )


def _one_series(datasets: Sequence[Dataset]) -> tuple[str, str]:
    identities = {
        (uid_of(dataset, "StudyInstanceUID"), uid_of(dataset, "SeriesInstanceUID"))
        for dataset in datasets
    }
    if len(identities) != 1:
        raise MixedSeries(
            f"the objects belong to {len(identities)} series; give one series at a time"
        )
    return identities.pop()


def _distinct(datasets: Sequence[Dataset]) -> list[Dataset]:
    """One dataset for each SOPInstanceUID: the same object may be given twice."""
    return list({uid_of(dataset, "SOPInstanceUID"): dataset for dataset in datasets}.values())


def _without_localizers(
    datasets: Sequence[Dataset],
) -> tuple[list[Dataset], list[tuple[str, str, str]]]:
    images, left_out = [], []
    for dataset in datasets:
        if "LOCALIZER" in values_of(dataset, "ImageType"):
            left_out.append((uid_of(dataset, "SOPInstanceUID"), "localizer", "localizer"))
        else:
            images.append(dataset)
    if not images:
        raise TooFewSlices("the series has only localizers")
    return images, left_out
