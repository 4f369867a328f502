"""DICOM datasets -> a head CT Series: ordered Slices in Hounsfield units, what was left out, and
why; or a named Refusal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from ich_node.dicom.geometry import tilt_degrees
from ich_node.series.attributes import uid_of
from ich_node.series.hounsfield import Decode, Pixels, decode_all
from ich_node.series.metal import shows_metal
from ich_node.series.plausibility import check_contrast, check_head, check_hounsfield
from ich_node.series.selection import select
from ich_node.series.stack import Kept


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One axial image in HU with its place in the patient.

    hu_YX keeps the padding as stored (the published input depends on it); padding_YX says where it
    is. position_mm: along the slice normal. pixel_spacing_mm: between rows, between columns.
    """

    sop_instance_uid: str
    sop_class_uid: str
    hu_YX: NDArray[np.int16] | NDArray[np.float32]
    padding_YX: NDArray[np.bool_]
    pixel_spacing_mm: tuple[float, float]
    image_position_mm: tuple[float, float, float]
    image_orientation: tuple[float, float, float, float, float, float]
    position_mm: float
    frame_of_reference_uid: str | None = None
    instance_number: int | None = None
    # of a multi-frame object, 1-based
    frame_number: int | None = None
    # 0-based: a series may hold several acquisitions, which are read side by side
    stack: int = 0


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An object of the series that was not read. kind: a word for programs; reason: in words."""

    sop_instance_uid: str
    kind: str
    reason: str
    instance_number: int | None = None
    frame_number: int | None = None
    position_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class SeriesWarning:
    """What a reader of the answer must know. kind: a word for programs; detail: a sentence."""

    kind: str
    detail: str


MissingPart = Literal["hole", "base", "vertex", "unread", "transfer"]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A part of the head that was not read, so that its absence of blood is not known.

    part: 'hole' between two slices; 'base' or 'vertex', below or above all slices; 'unread', an
    object that could not be read; 'transfer', the sender broke off. from_mm, to_mm: positions
    along the slice normal, None where nobody knows. slices: how many are missing at the local
    distance of the slices, None if unknown. instance_numbers: of the slices on either side, or of
    the unread objects.
    """

    part: MissingPart
    detail: str
    from_mm: float | None = None
    to_mm: float | None = None
    slices: int | None = None
    instance_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Series:
    """Slices ordered by stack, then by position along their common normal (feet to head for a
    supine head-first patient).

    metal_slices: how many of them show brain and metal. missing: empty if the whole head, from
    the skull base to the vertex, is in the slices.
    """

    study_instance_uid: str
    series_instance_uid: str
    slices: tuple[Slice, ...]
    left_out: tuple[LeftOut, ...] = ()
    tilt_deg: float = 0.0
    metal_slices: int = 0
    missing: tuple[Missing, ...] = ()
    warnings: tuple[SeriesWarning, ...] = ()


def read_series(
    datasets: Iterable[Dataset], *, single_slice: bool = False, decode: Decode = decode_all
) -> Series:
    """Read the objects of one series, given in any order.

    single_slice: one lone object is read too, to examine a slice by hand; the checks that need a
    whole head are then not made. decode: another way to the pixels, for a caller that has decoded
    some of the objects before. Raises a Refusal that says what is wrong with which object.
    """
    selection = select(list(datasets), single_slice=single_slice)
    pixels = decode([kept.dataset for kept in selection.kept])
    slices = tuple(
        _slice(kept, its_pixels) for kept, its_pixels in zip(selection.kept, pixels, strict=True)
    )
    hu_SYX: Sequence[NDArray[np.int16] | NDArray[np.float32]] = [slice_.hu_YX for slice_ in slices]
    spacing_mm = [slice_.pixel_spacing_mm for slice_ in slices]
    check_hounsfield(hu_SYX, [slice_.padding_YX for slice_ in slices], spacing_mm=spacing_mm)
    if len(slices) > 1:
        brains = check_head(hu_SYX, spacing_mm=spacing_mm)
        if selection.contrast_hint:
            check_contrast(brains, selection.contrast_hint)
    return Series(
        study_instance_uid=selection.study_instance_uid,
        series_instance_uid=selection.series_instance_uid,
        slices=slices,
        left_out=tuple(
            LeftOut(sop_instance_uid=uid, kind=kind, reason=reason)
            for uid, kind, reason in selection.left_out
        ),
        tilt_deg=tilt_degrees(slices[0].image_orientation),
        metal_slices=sum(shows_metal(slice_.hu_YX, slice_.pixel_spacing_mm) for slice_ in slices),
    )


def _slice(kept: Kept, pixels: Pixels) -> Slice:
    return Slice(
        sop_instance_uid=kept.sop_instance_uid,
        sop_class_uid=kept.sop_class_uid,
        hu_YX=pixels.hu_YX,
        padding_YX=pixels.padding_YX,
        pixel_spacing_mm=kept.pixel_spacing_mm,
        image_position_mm=kept.image_position_mm,
        image_orientation=kept.image_orientation,
        position_mm=kept.position_mm,
        frame_of_reference_uid=uid_of(kept.dataset, "FrameOfReferenceUID") or None,
        instance_number=kept.instance_number,
    )
