"""The coordinates of the pixels of a tilted image plane in the head, and painting on them.

Head coordinates in mm: x to the patient's left, y to the back, z up; z = 0 at the foramen magnum, x
= y = 0 in the middle of the cranial cavity. Distances are signed in mm, positive inside.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Window = tuple[slice, slice]
Place = tuple[float, float, float]  # x, y, z in mm
MARGIN_MM = 5.0  # a soft edge reaches beyond the surface


@dataclass(frozen=True, kw_only=True)
class Pose:
    """How the head lies in the image: in-plane rotation, gantry tilt, sideways lean and the offset
    of the middle.
    """

    rotation_deg: float = 0.0
    tilt_deg: float = 0.0
    lean_deg: float = 0.0
    offset_mm: tuple[float, float] = (0.0, 0.0)  # rows, columns


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Head coordinates of the pixel centres of one image plane; height_YX is z above the level of
    the plane.
    """

    x_YX: Field
    y_YX: Field
    height_YX: Field
    pixel_mm: float
    pose: Pose
    corner_px: tuple[int, int] = (0, 0)  # of this part in the whole plane
    size_px: int  # of the whole plane

    def window(self, place: tuple[float, float], reach_mm: float) -> Window:
        """The pixels within reach_mm of a place (x, y) in the head; empty if it lies outside the
        plane.
        """
        x, y = place
        angle = np.deg2rad(self.pose.rotation_deg)
        column = (x * np.cos(angle) - y * np.sin(angle) + self.pose.offset_mm[1]) / self.pixel_mm
        row = (x * np.sin(angle) + y * np.cos(angle)) / np.cos(
            np.deg2rad(self.pose.tilt_deg)
        ) + self.pose.offset_mm[0]
        row /= self.pixel_mm
        middle, (rows, columns) = (self.size_px - 1) / 2, self.x_YX.shape
        reach = reach_mm / self.pixel_mm + 2
        return _span(row + middle - self.corner_px[0], reach, rows), _span(
            column + middle - self.corner_px[1], reach, columns
        )

    def part(self, window: Window) -> "Frame":
        """The same plane, these pixels alone."""
        return replace(
            self,
            x_YX=self.x_YX[window],
            y_YX=self.y_YX[window],
            height_YX=self.height_YX[window],
            corner_px=(self.corner_px[0] + window[0].start, self.corner_px[1] + window[1].start),
        )


def _span(middle: float, reach: float, length: int) -> slice:
    first = min(max(int(middle - reach), 0), length)
    return slice(first, min(max(int(middle + reach) + 1, first), length))


def make_frame(size: int, pixel_mm: float, pose: Pose) -> Frame:
    """The plane of size x size pixels whose middle lies on the head's axis."""
    axis = (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)) * np.float32(pixel_mm)
    down_YX = (axis - np.float32(pose.offset_mm[0]))[:, None]
    right_YX = (axis - np.float32(pose.offset_mm[1]))[None, :]
    cos, sin = (
        np.float32(np.cos(np.deg2rad(pose.rotation_deg))),
        np.float32(np.sin(np.deg2rad(pose.rotation_deg))),
    )
    tilt, lean = np.deg2rad(pose.tilt_deg), np.deg2rad(pose.lean_deg)
    back_YX = down_YX * np.float32(np.cos(tilt))
    x_YX = cos * right_YX + sin * back_YX
    y_YX = cos * back_YX - sin * right_YX
    height_YX = (down_YX * np.float32(np.sin(tilt)) + x_YX * np.float32(np.tan(lean))).astype(
        np.float32
    )
    return Frame(
        x_YX=x_YX, y_YX=y_YX, height_YX=height_YX, pixel_mm=pixel_mm, pose=pose, size_px=size
    )


def box_of(inside_YX: NDArray[np.bool_], margin_px: int) -> Window:
    """The smallest window that holds all that is inside, with a margin."""
    spans = []
    for axis, length in ((1, inside_YX.shape[0]), (0, inside_YX.shape[1])):
        hit = np.flatnonzero(inside_YX.any(axis=axis))
        first, last = (int(hit[0]), int(hit[-1])) if len(hit) else (0, -1)
        spans.append(
            slice(max(first - margin_px, 0), min(last + 1 + margin_px, length) if len(hit) else 0)
        )
    return spans[0], spans[1]


def cover(distance_YX: Field, width_mm: float = 0.9) -> Field:
    """The share of a pixel inside a surface: from 0 outside to 1 inside, linear over width_mm."""
    share_YX: Field = distance_YX * np.float32(1 / width_mm) + np.float32(0.5)
    return np.clip(share_YX, 0, 1, out=share_YX)


def paint(hu_YX: Field, value: float | Field, share_YX: Field) -> None:
    """Mix value into hu_YX, in place."""
    hu_YX += share_YX * (
        np.float32(value) - hu_YX if isinstance(value, float | int) else value - hu_YX
    )


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """centre and semi-axes (x, y, z) in mm, turned by yaw about the z axis."""

    centre: Place
    axes: Place
    yaw_deg: float = 0.0

    def mirrored(self) -> "Ellipsoid":
        """On the other side of the head."""
        x, y, z = self.centre
        return Ellipsoid(centre=(-x, y, z), axes=self.axes, yaw_deg=-self.yaw_deg)

    def spans(self, z_YX: Field) -> bool:
        """Whether any of these heights is within MARGIN_MM of it."""
        reach = self.axes[2] + MARGIN_MM
        return bool(z_YX.min() < self.centre[2] + reach and z_YX.max() > self.centre[2] - reach)

    def distance(self, x_YX: Field, y_YX: Field, z_YX: Field) -> Field:
        """Signed distance in mm, to first order near the surface, in units of the geometric mean of
        the axes.
        """
        dx, dy, dz = (
            value - np.float32(middle)
            for value, middle in zip((x_YX, y_YX, z_YX), self.centre, strict=True)
        )
        if self.yaw_deg:
            cos, sin = (
                np.float32(np.cos(np.deg2rad(self.yaw_deg))),
                np.float32(np.sin(np.deg2rad(self.yaw_deg))),
            )
            dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
        a, b, c = (np.float32(1 / axis) for axis in self.axes)
        radius_YX: Field = np.sqrt((dx * a) ** 2 + (dy * b) ** 2 + (dz * c) ** 2)
        return (np.float32(1) - radius_YX) * np.float32(min(self.axes))
