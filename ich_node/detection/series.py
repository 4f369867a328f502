"""A head CT series: ordered Slices in Hounsfield units, what was left out, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One axial image in HU with its place in the patient.

    hu_YX keeps the stored padding as it came (the published input depends on it); padding_YX says where it is.
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


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An object of the series that was not read, with the reason in words."""

    sop_instance_uid: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Series:
    """Slices ordered by position along their common normal (feet to head for a supine head-first patient)."""

    study_instance_uid: str
    series_instance_uid: str
    slices: tuple[Slice, ...]
    left_out: tuple[LeftOut, ...] = ()
    tilt_deg: float = 0.0


def read_series(datasets: Sequence[object]) -> Series:
    raise NotImplementedError
