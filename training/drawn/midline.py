"""The plane between the hemispheres, estimated from a slice or a stack."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.drawn.noise import Field

DIRECTIONS = 180  # of the outline's radius around its centre
MOST_TILT_DEG = 28
SEARCH_MM = 7.0
COMPARED_MM = 24.0  # to both sides


@dataclass(frozen=True, kw_only=True)
class Midline:
    """A line in the plane of the image, the same in all slices.

    row, column: a point on it, in pixels, about the middle of the head. tilt_rad: from the columns'
    direction, positive where the back of the head goes to smaller columns. front_mm, back_mm: from
    the point to the inner table.
    """

    row: float
    column: float
    tilt_rad: float
    front_mm: float
    back_mm: float

    def across_mm(self, rows: Field, columns: Field, pixel_mm: float) -> Field:
        """mm to the right of the line, in the image, of pixels."""
        cos, sin = np.float32(np.cos(self.tilt_rad)), np.float32(np.sin(self.tilt_rad))
        found: Field = np.float32(pixel_mm) * (
            (columns - np.float32(self.column)) * cos + (rows - np.float32(self.row)) * sin
        )
        return found

    def along_mm(self, rows: Field, columns: Field, pixel_mm: float) -> Field:
        """mm towards the back."""
        cos, sin = np.float32(np.cos(self.tilt_rad)), np.float32(np.sin(self.tilt_rad))
        found: Field = np.float32(pixel_mm) * (
            (rows - np.float32(self.row)) * cos - (columns - np.float32(self.column)) * sin
        )
        return found

    def place(self, along_mm: float, across_mm: float, pixel_mm: float) -> tuple[float, float]:
        """Row and column of a place."""
        row, column = self.places(np.asarray(along_mm), np.asarray(across_mm), pixel_mm)
        return float(row), float(column)

    def places(self, along_mm: Field, across_mm: Field, pixel_mm: float) -> tuple[Field, Field]:
        """Rows and columns of places."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        return (
            self.row + (along_mm * cos + across_mm * sin) / pixel_mm,
            self.column + (-along_mm * sin + across_mm * cos) / pixel_mm,
        )


def midline_of(smooth_SYX: Field, cavity_SYX: NDArray[np.bool_], pixel_mm: float) -> Midline:
    """The axis about which the cavity's outline is most symmetric, moved to where the densities
    left and right of it agree best.
    """
    largest = int(np.argmax(np.count_nonzero(cavity_SYX, axis=(1, 2))))
    cavity_YX, smooth_YX = cavity_SYX[largest], smooth_SYX[largest]
    rows, columns = np.nonzero(cavity_YX)
    row, column = float(rows.mean()), float(columns.mean())
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)  # 0: towards the back
    radius = np.arange(1, 140, dtype=np.float64)
    ray_rows = row + np.cos(angles)[:, None] * radius
    ray_columns = column - np.sin(angles)[:, None] * radius
    inside = ndimage.map_coordinates(
        cavity_YX.astype(np.uint8), [ray_rows, ray_columns], order=0, cval=0
    )
    outline = inside.sum(axis=1).astype(np.float64)
    limit = int(MOST_TILT_DEG * DIRECTIONS / 360)
    steps = np.arange(-2 * limit, 2 * limit + 1)  # the axis at half a step
    # a direction, and its mirror image about each axis
    mirrored = (steps[:, None] - np.arange(DIRECTIONS)) % DIRECTIONS
    error = np.abs(outline - outline[mirrored]).mean(axis=1)
    tilt = float(steps[int(np.argmin(error))]) * np.pi / DIRECTIONS
    line = Midline(row=row, column=column, tilt_rad=tilt, front_mm=0, back_mm=0)
    reach = [_reach(outline, tilt + turn, pixel_mm) for turn in (np.pi, 0.0)]
    offset = _offset(smooth_YX, line, front_mm=reach[0], back_mm=reach[1], pixel_mm=pixel_mm)
    row, column = line.place(0.0, offset, pixel_mm)
    return Midline(row=row, column=column, tilt_rad=tilt, front_mm=reach[0], back_mm=reach[1])


def _reach(outline: NDArray[np.float64], angle: float, pixel_mm: float) -> float:
    return float(outline[round(angle / (2 * np.pi) * DIRECTIONS) % DIRECTIONS]) * pixel_mm


def _offset(
    smooth_YX: Field, line: Midline, *, front_mm: float, back_mm: float, pixel_mm: float
) -> float:
    """mm to the right at which the sides agree best."""
    along = np.arange(-0.85 * front_mm, 0.85 * back_mm, 2.5)
    across = np.arange(-COMPARED_MM - SEARCH_MM, COMPARED_MM + SEARCH_MM + 0.5, 1.0)
    rows, columns = line.places(along[:, None], across[None, :], pixel_mm)
    sides = ndimage.map_coordinates(smooth_YX, [rows, columns], order=1)
    middle, reach = len(across) // 2, int(COMPARED_MM)
    errors = {}
    for offset in range(-int(SEARCH_MM), int(SEARCH_MM) + 1):
        at = middle + offset
        left, right = sides[:, at - reach : at][:, ::-1], sides[:, at + 1 : at + 1 + reach]
        errors[offset] = float(np.abs(left - right).mean()) + 0.05 * abs(offset)
    return float(min(errors, key=errors.__getitem__))
