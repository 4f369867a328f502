"""Headers of one series -> the axial CT objects to read, in order, and what is left out. No pixels
are decoded here.

Each object is judged by itself: a text page, a localizer or a damaged slice does not cost the head.
The series is refused only if what remains is too little for a head.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from ich_node.dicom.geometry import LEAST_COVERAGE_MM, LEAST_SLICES
from ich_node.errors import Localizer, MixedSeries, Refusal, TooFewSlices, TooLarge, Undecodable
from ich_node.series.attributes import integer_of, uid_of, values_of
from ich_node.series.frames import frames_of
from ich_node.series.header_words import HeaderWords, header_words
from ich_node.series.object_checks import check_kind, check_protocol
from ich_node.series.object_file import DamagedObject
from ich_node.series.placed import Placed, Unread, placed
from ich_node.series.same_uid import newest_of_each
from ich_node.series.shipped_rules import NONE
from ich_node.series.stacks import Stack, to_stacks

MOST_OBJECTS = 2_000
# 2,000 slices of 512 x 512: what is decoded is in memory until the series has been read
MOST_SERIES_PIXELS = 1 << 29


@dataclass(frozen=True, kw_only=True)
class Selection:
    """stacks: the objects of a series that are read, each ordered by position, the largest first.
    unread: those that are not. words: what the headers say that only the pixels can confirm.
    """

    study_instance_uid: str
    series_instance_uid: str
    stacks: tuple[Stack, ...]
    unread: tuple[Unread, ...]
    words: HeaderWords


def select(
    datasets: Sequence[Dataset], *, single_slice: bool, ignored: Collection[str] = NONE
) -> Selection:
    """Choose and order the objects of one series. Raises the Refusal that fits.

    datasets: oldest first, if an object comes in several versions. single_slice: one lone object
    may be a series. ignored: shipped rules that do not hold for the series.
    """
    if not datasets:
        raise TooFewSlices("the series has no objects")
    _check_count(datasets)
    study_uid, series_uid = _one_series(datasets)
    images, unread = _images(newest_of_each(datasets))
    _check_count(images)
    usable: list[Placed] = []
    for dataset in images:
        try:
            usable.append(_judged(dataset, ignored))
        except Refusal as refusal:
            unread.append(Unread.of(dataset, refusal))
    stacks: list[Stack] = []
    if usable:
        stacks, strays = to_stacks(usable)
        unread += strays
    check_enough(stacks, unread, single_slice=single_slice)
    _check_size(stacks)
    return Selection(
        study_instance_uid=study_uid,
        series_instance_uid=series_uid,
        stacks=tuple(stacks),
        unread=tuple(unread),
        words=header_words((item.dataset for stack in stacks for item in stack), ignored),
    )


def check_enough(stacks: Sequence[Stack], unread: Sequence[Unread], *, single_slice: bool) -> None:
    """Raises the Refusal that keeps most objects from being read, or TooFewSlices."""
    items = [item for stack in stacks for item in stack]
    if single_slice and len(items) == 1:
        return
    positions_mm = sorted(round(item.position_mm, 1) for item in items)
    span_mm = positions_mm[-1] - positions_mm[0] if items else 0.0
    slices = len(set(positions_mm))
    if slices >= LEAST_SLICES and span_mm >= LEAST_COVERAGE_MM:
        return
    count = f"{slices} usable slices cover {span_mm:.0f} mm" if items else "no slice is usable"
    needed = f"a head needs at least {LEAST_SLICES} over {LEAST_COVERAGE_MM:.0f} mm"
    if not unread:
        raise TooFewSlices(f"{count}; {needed}")
    kinds = Counter(type(item.refusal) for item in unread)
    left_out = ", ".join(f"{number} {kind.reason}" for kind, number in kinds.most_common())
    words = f"{count}; {needed}. Left out: {left_out}"
    kinds.pop(Localizer, None)
    for kind, number in kinds.most_common(1):
        if slices + number >= LEAST_SLICES or not items:
            example = next(item.refusal for item in unread if type(item.refusal) is kind)
            raise kind(f"{words}. {example.detail}", rule=example.rule, why=example.why)
    raise TooFewSlices(words)


def _images(datasets: Sequence[Dataset]) -> tuple[list[Dataset], list[Unread]]:
    """Each frame of a multi-frame object as an object of its own, and the objects without frames
    that can be told apart.
    """
    images: list[Dataset] = []
    unread: list[Unread] = []
    for dataset in datasets:
        try:
            images += [dataset] if isinstance(dataset, DamagedObject) else frames_of(dataset)
        except Refusal as refusal:
            unread.append(Unread.of(dataset, refusal))
    return images, unread


def _check_count(images: Sequence[Dataset]) -> None:
    if len(images) > MOST_OBJECTS:
        raise TooLarge(
            f"{len(images)} images in one series; a head CT has fewer than {MOST_OBJECTS}"
        )


def _judged(dataset: Dataset, ignored: Collection[str]) -> Placed:
    """Raises the Refusal that fits the object."""
    if isinstance(dataset, DamagedObject):
        raise Undecodable(
            f"{uid_of(dataset, 'SOPInstanceUID')}: the file is damaged in its header; send it again"
        )
    if "LOCALIZER" in values_of(dataset, "ImageType"):
        raise Localizer
    check_kind(dataset)
    check_protocol(dataset, ignored)
    return placed(dataset)


def _check_size(stacks: Sequence[Stack]) -> None:
    pixels = sum(
        integer_of(item.dataset, "Rows", 0) * integer_of(item.dataset, "Columns", 0)
        for stack in stacks
        for item in stack
    )
    if pixels > MOST_SERIES_PIXELS:
        raise TooLarge(
            f"{pixels} pixels in one series; a head CT has fewer than {MOST_SERIES_PIXELS}"
        )


def _one_series(datasets: Sequence[Dataset]) -> tuple[str, str]:
    identities = {
        (uid_of(dataset, "StudyInstanceUID"), uid_of(dataset, "SeriesInstanceUID"))
        for dataset in datasets
    }
    if len(identities) > 1:  # the damage may come before the UIDs
        identities.discard(("", ""))
    if len(identities) != 1:
        raise MixedSeries(
            f"the objects belong to {len(identities)} series; give one series at a time"
        )
    return identities.pop()
