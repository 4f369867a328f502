"""Where an image plane lies in the patient (PS3.3 C.7.6.2.1.1), from ImagePositionPatient and
ImageOrientationPatient alone.

Receiving asks whether a stack is complete, reading orders the slices: with the same positions.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Head protocols differ: 12 slices of 10 mm, 300 of 0.6 mm, thin at the base and thick above. These
# limits only recognise a complete stack.
LEAST_SLICES = 8
LEAST_COVERAGE_MM = 80.0
# A bleed of 1 ml is a sphere of 12.4 mm: with slices at most this far apart, one of them crosses
# it.
LARGEST_GAP_MM = 12.0
# Steps within a zone of equal slice distance differ by less than this part; a missing slice doubles
# a step.
STEP_TOLERANCE = 0.25
MOST_ZONES = 2
# Every slice of a stack has the same orientation.
MOST_ORIENTATIONS = 64


def slice_normal(image_orientation: Sequence[float]) -> NDArray[np.float64]:
    """The unit normal of the image plane: row direction x column direction.

    Raises ValueError if the six direction cosines are not two finite, perpendicular unit vectors.
    """
    return _normal(tuple(image_orientation))


@lru_cache(MOST_ORIENTATIONS)
def _normal(image_orientation: tuple[float, ...]) -> NDArray[np.float64]:
    cosines = np.asarray(image_orientation, dtype=np.float64)
    if cosines.shape != (6,) or not np.isfinite(cosines).all():
        raise ValueError("ImageOrientationPatient needs six finite numbers")
    row, column = cosines[:3], cosines[3:]
    if (
        abs(np.linalg.norm(row) - 1) > 0.01
        or abs(np.linalg.norm(column) - 1) > 0.01
        or abs(row @ column) > 0.01
    ):
        raise ValueError("ImageOrientationPatient is not two perpendicular unit vectors")
    normal: NDArray[np.float64] = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    normal.flags.writeable = False  # the cached array is shared
    return normal


@lru_cache(MOST_ORIENTATIONS)
def _upward_normal(image_orientation: tuple[float, ...]) -> tuple[float, float, float]:
    """As Python floats: for a single position numpy takes ten times as long."""
    x, y, z = slice_normal(image_orientation).tolist()
    return (x, y, z) if z >= 0 else (-x, -y, -z)


def slice_position(image_position: Sequence[float], image_orientation: Sequence[float]) -> float:
    """Millimetres along the slice normal, increasing towards the head: a normal that points to the
    feet is reversed.

    Raises ValueError if position or orientation cannot be used.
    """
    if len(image_position) != 3 or not all(map(math.isfinite, image_position)):
        raise ValueError("ImagePositionPatient needs three finite numbers")
    x, y, z = image_position
    towards_x, towards_y, towards_z = _upward_normal(tuple(image_orientation))
    return float(x * towards_x + y * towards_y + z * towards_z)


def orientation_key(image_orientation: Sequence[float]) -> str:
    """The direction cosines rounded to 0.01, the same for all slices of a stack. Raises ValueError
    as slice_normal does.
    """
    return _key(tuple(image_orientation))


@lru_cache(MOST_ORIENTATIONS)
def _key(image_orientation: tuple[float, ...]) -> str:
    slice_normal(image_orientation)
    return "\\".join(
        f"{value + 0.0:.2f}"
        for value in np.round(np.asarray(image_orientation, dtype=np.float64), 2) + 0.0
    )


def main_directions(image_orientation: Sequence[float]) -> tuple[str, str]:
    """Where rows and columns mainly point to: R, L, A, P, F or H (Patient Orientation, PS3.3
    C.7.6.1.1.1).
    """
    return _direction(image_orientation[:3]), _direction(image_orientation[3:])


def _direction(cosines: Sequence[float]) -> str:
    # the patient axes point to L, P and H
    axis = int(np.argmax(np.abs(cosines)))
    return "LPH"[axis] if cosines[axis] > 0 else "RAF"[axis]


def tilt_degrees(image_orientation: Sequence[float]) -> float:
    """The angle between the slice normal and the patient's long axis, 0 to 90: the gantry tilt of
    an axial acquisition. Raises ValueError as slice_normal does.
    """
    return math.degrees(math.acos(min(1.0, abs(float(slice_normal(image_orientation)[2])))))


def stack_is_complete(placed: Sequence[tuple[str | None, float | None]]) -> bool:
    """Whether these objects, as (orientation_key, slice_position in mm), are a complete head
    without a missing slice.

    Objects without a plane and orientations of fewer than LEAST_SLICES (localizers) do not count.
    True only if one orientation is left, its positions are distinct, cover a head, and have equal
    steps in at most two zones. It may be False for a complete series, which then waits for the
    quiet time; it must not be True while slices within the stack are missing. Slices that are
    missing at an end cannot be recognised from the geometry: the grace time is for them.
    """
    stacks: dict[str, list[float]] = {}
    for orientation, position_mm in placed:
        if orientation is not None and position_mm is not None:
            stacks.setdefault(orientation, []).append(position_mm)
    whole = [positions for positions in stacks.values() if len(positions) >= LEAST_SLICES]
    if len(whole) != 1:
        return False
    positions_mm = np.sort(whole[0])
    steps_mm = np.diff(positions_mm)
    if (
        positions_mm[-1] - positions_mm[0] < LEAST_COVERAGE_MM
        or steps_mm.min() < 0.05
        or steps_mm.max() > LARGEST_GAP_MM
    ):
        return False
    changes = np.abs(np.diff(steps_mm)) > STEP_TOLERANCE * np.minimum(steps_mm[1:], steps_mm[:-1])
    return int(changes.sum()) <= MOST_ZONES - 1
