"""DICOM datasets -> a head CT Series, or a named Refusal."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from pydicom import Dataset

from ich_node.dicom.geometry import tilt_degrees
from ich_node.errors import (
    CopyOfAnother,
    DerivedResult,
    Localizer,
    NoGeometry,
    NoHeadShown,
    NotAxial,
    NotCT,
    Refusal,
    StrayPosition,
)
from ich_node.series.age import age_years, check_age
from ich_node.series.attributes import image_of, number_or_none, numbers_of, uid_of
from ich_node.series.cranial_section import cranial_section
from ich_node.series.hounsfield import Decode, Pixels, decode_all
from ich_node.series.metal import shows_metal
from ich_node.series.patients import check_one_patient
from ich_node.series.placed import Placed, Unread
from ich_node.series.plausibility import check_hounsfield
from ich_node.series.rules import USUAL_RULES, SelectionRules
from ich_node.series.selection import check_enough, select
from ich_node.series.series import LeftOut, Missing, Series, SeriesWarning, Slice
from ich_node.series.stacks import Stack
from ich_node.series.whole_head import BRAIN_CM2, UnreadPlace, coverage_of
from ich_node.series.words_and_pixels import check_lone_slice, check_words

# Objects of these kinds that do not say where they lie are no slices of the head.
NEVER_A_SLICE = (DerivedResult, Localizer, NotAxial, NotCT)
USUAL_PIXEL_MM = 0.5
TRANSFER_ABORTED = Missing(
    part="transfer", detail="the sender broke the association off: slices may not have arrived"
)


def read_series(
    datasets: Iterable[Dataset],
    *,
    single_slice: bool = False,
    decode: Decode = decode_all,
    rules: SelectionRules = USUAL_RULES,
    transfer_aborted: bool = False,
) -> Series:
    """Read the objects of one series, given in any order; of an object that comes in several
    versions the last one counts.

    single_slice: one lone object is read too, to examine a slice by hand; the checks that need a
    whole head are then not made. decode: another way to the pixels, for a caller that has decoded
    some of the objects before. transfer_aborted: the sender did not end the transfer properly.
    Raises the Refusal that keeps the series from being read.
    """
    given = list(datasets)
    check_one_patient(given)
    selection = select(given, single_slice=single_slice, ignored=rules.ignored)
    years = age_years(given)
    doubts = list(check_age(years, minimum_years=rules.minimum_age))
    stacks, slices, undecoded = _decoded(selection.stacks, decode)
    unread = [*selection.unread, *undecoded]
    check_enough(stacks, unread, single_slice=single_slice)
    slices, copies = _without_copies(slices)
    check_hounsfield(
        [slice_.hu_YX for slice_ in slices],
        [slice_.padding_YX for slice_ in slices],
        spacing_mm=[slice_.pixel_spacing_mm for slice_ in slices],
    )
    brain = None
    if len(slices) > 1:
        brain, found = check_words(selection.words, slices)
        doubts += found
    else:
        check_lone_slice(selection.words, slices[0])
    coverage = coverage_of(slices, _places(unread, slices), largest_gap_mm=rules.largest_gap_mm)
    empty = {slice_.image for slice_ in coverage.empty}
    slices = [slice_ for slice_ in slices if slice_.image not in empty]
    left_out = [*map(_left_out, unread), *copies, *map(_empty, coverage.empty)]
    return Series(
        study_instance_uid=selection.study_instance_uid,
        series_instance_uid=selection.series_instance_uid,
        slices=tuple(slices),
        left_out=tuple(sorted(left_out, key=_by_number)),
        tilt_deg=tilt_degrees(slices[0].image_orientation),
        missing=(*coverage.missing, *([TRANSFER_ABORTED] if transfer_aborted else [])),
        warnings=(*_metal(slices), *_stack_warnings(slices), *coverage.warnings, *doubts),
        age_years=years,
        brain=brain,
    )


def _decoded(
    stacks: Sequence[Stack], decode: Decode
) -> tuple[list[Stack], list[Slice], list[Unread]]:
    """The stacks without what cannot be decoded, its Slices, and what cannot."""
    pixels = iter(decode([item.dataset for stack in stacks for item in stack]))
    kept: list[Stack] = []
    slices: list[Slice] = []
    unread: list[Unread] = []
    for stack in stacks:
        with_pixels: Stack = []
        for item, its_pixels in zip(stack, islice(pixels, len(stack)), strict=True):
            if isinstance(its_pixels, Pixels):
                with_pixels.append(item)
                slices.append(_slice(item, its_pixels, stack=len(kept)))
            else:
                unread.append(Unread(dataset=item.dataset, refusal=its_pixels, place=item))
        if with_pixels:
            kept.append(with_pixels)
    return kept, slices, unread


def _slice(item: Placed, pixels: Pixels, *, stack: int) -> Slice:
    return Slice(
        sop_instance_uid=item.sop_instance_uid,
        sop_class_uid=item.sop_class_uid,
        hu_YX=pixels.hu_YX,
        padding_YX=pixels.padding_YX,
        pixel_spacing_mm=item.pixel_spacing_mm,
        image_position_mm=item.image_position_mm,
        image_orientation=item.image_orientation,
        position_mm=item.position_mm,
        frame_of_reference_uid=uid_of(item.dataset, "FrameOfReferenceUID") or None,
        instance_number=item.instance_number,
        frame_number=image_of(item.dataset).frame_number,
        stack=stack,
    )


def _without_copies(slices: Sequence[Slice]) -> tuple[list[Slice], list[LeftOut]]:
    """Slices with the pixels and the place of another one say nothing new."""
    first_at: dict[tuple[float, ...], list[Slice]] = {}
    kept: list[Slice] = []
    copies: list[LeftOut] = []
    for slice_ in slices:
        plane = (*slice_.image_position_mm, *slice_.image_orientation)
        same_place = first_at.setdefault(plane, [])
        original = next(
            (other for other in same_place if np.array_equal(other.hu_YX, slice_.hu_YX)), None
        )
        if original is None:
            same_place.append(slice_)
            kept.append(slice_)
        else:
            reason = CopyOfAnother(f"the same pixels as {original.sop_instance_uid}")
            copies.append(_left_out_slice(slice_, reason))
    return kept, copies


def _empty(slice_: Slice) -> LeftOut:
    return _left_out_slice(slice_, NoHeadShown())


def _left_out_slice(slice_: Slice, refusal: Refusal) -> LeftOut:
    return LeftOut(
        sop_instance_uid=slice_.sop_instance_uid,
        kind=refusal.reason,
        reason=refusal.detail,
        instance_number=slice_.instance_number,
        frame_number=slice_.frame_number,
        position_mm=slice_.position_mm,
    )


def _places(unread: Sequence[Unread], slices: Sequence[Slice]) -> list[UnreadPlace]:
    """Where the unread objects lie that may show brain. A second kernel or a reformat at the places
    of slices that are read hides nothing; the stray position of an object says nothing.
    """
    return [
        UnreadPlace(
            detail=f"{_named(item)} was not read: {item.refusal.detail}",
            position_mm=place.position_mm if place else None,
            image_orientation=place.image_orientation if place else None,
            instance_number=number_or_none(item.dataset, "InstanceNumber"),
        )
        for item in unread
        for place in [None if isinstance(item.refusal, StrayPosition) else item.place]
        if place is not None or _may_show_brain(item, slices)
    ]


def _may_show_brain(item: Unread, slices: Sequence[Slice]) -> bool:
    """Of an object without a place: a page of text is no slice, and a copy shows nothing new. True
    if its pixels cannot tell.
    """
    if isinstance(item.refusal, NEVER_A_SLICE):
        return False
    (pixels,) = decode_all([item.dataset])
    if not isinstance(pixels, Pixels):
        return True
    if any(np.array_equal(pixels.hu_YX, slice_.hu_YX) for slice_ in slices):
        return False
    try:
        row_mm, column_mm = numbers_of(item.dataset, "PixelSpacing", 2)
    except NoGeometry:
        row_mm = column_mm = USUAL_PIXEL_MM
    return cranial_section(pixels.hu_YX, (row_mm, column_mm)).brain_cm2 >= BRAIN_CM2


def _named(item: Unread) -> str:
    number = number_or_none(item.dataset, "InstanceNumber")
    return "an object" if number is None else f"image {number}"


def _left_out(item: Unread) -> LeftOut:
    return LeftOut(
        sop_instance_uid=uid_of(item.dataset, "SOPInstanceUID"),
        kind=item.refusal.reason,
        reason=item.refusal.detail,
        frame_number=image_of(item.dataset).frame_number,
        instance_number=number_or_none(item.dataset, "InstanceNumber"),
        position_mm=item.place.position_mm if item.place else None,
    )


def _by_number(left: LeftOut) -> tuple[int, str]:
    return left.instance_number or 0, left.sop_instance_uid


def _metal(slices: Sequence[Slice]) -> list[SeriesWarning]:
    count = sum(shows_metal(slice_.hu_YX, slice_.pixel_spacing_mm) for slice_ in slices)
    if not count:
        return []
    where = f"in {count} {'slice' if count == 1 else 'slices'}"
    return [SeriesWarning(kind="metal", detail=f"metal {where}: its streaks may look like blood")]


def _stack_warnings(slices: Sequence[Slice]) -> list[SeriesWarning]:
    counts = np.bincount([slice_.stack for slice_ in slices])
    if len(counts) < 2:
        return []
    numbers = " and ".join(str(count) for count in counts)
    return [
        SeriesWarning(
            kind="several_stacks",
            detail=f"the series holds {len(counts)} stacks (acquisitions, tilts or repeated "
            f"slices) of {numbers} slices; all were read, and the answer is their maximum",
        )
    ]
