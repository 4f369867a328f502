"""A head CT Series: ordered Slices in Hounsfield units, what was left out, and what of the head is
missing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ich_node.dicom.image_id import ImageId


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

    @property
    def image(self) -> ImageId:
        return ImageId(self.sop_instance_uid, self.frame_number)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An object of the series that was not read. kind: a word for programs; reason: in words."""

    sop_instance_uid: str
    kind: str
    reason: str
    instance_number: int | None = None
    frame_number: int | None = None
    position_mm: float | None = None

    @property
    def image(self) -> ImageId:
        return ImageId(self.sop_instance_uid, self.frame_number)


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
class BrainMeasures:
    """Of the slices that show brain: its median HU, the deviation of neighbouring pixels (None: the
    pixels are too coarse), and the area of the widest slice.
    """

    hu: float
    noise_hu: float | None
    widest_cm2: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """Slices ordered by stack, then by position along their common normal (feet to head for a
    supine head-first patient).

    missing: empty if the whole head, from the skull base to the vertex, is in the slices.
    age_years: None if the header does not say it. brain: None for a lone slice.
    """

    study_instance_uid: str
    series_instance_uid: str
    slices: tuple[Slice, ...]
    left_out: tuple[LeftOut, ...] = ()
    tilt_deg: float = 0.0
    missing: tuple[Missing, ...] = ()
    warnings: tuple[SeriesWarning, ...] = ()
    age_years: float | None = None
    brain: BrainMeasures | None = None
