"""Where the arrow of each lesion lies on a slice: beside all blood, so that it hides none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.lesions import Lesion
from ich_node.report.context import marks_on
from ich_node.report.drawing import NUMBER_FROM_TIP, Arrow
from ich_node.series.series import Slice

DIRECTIONS = 24
GAP_PX = 4.0  # between the tip and the edge of the region, or the pixel without one


def arrows_on(
    slice_: Slice,
    lesions: Sequence[Lesion],
    size_px: float,
    *,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
) -> list[Arrow]:
    """An arrow for each lesion that is marked on the slice. size_px: the height of its number. x,
    y: of the part that is shown; default: all but the places of the labels.
    """
    height, width = slice_.hu_YX.shape
    x = x or (0.0, float(width))
    y = y or (4 * size_px, height - 4 * size_px)
    room = np.array([x[0], y[0]]) + 0.8 * size_px, np.array([x[1], y[1]]) - 0.8 * size_px
    blood_YX = _blood(slice_, lesions)
    arrows: list[Arrow] = []
    for lesion, mark in marks_on(slice_, lesions):
        at = (mark.finding.column, mark.finding.row)
        ways = [
            Arrow(number=lesion.number, tip=_tip(blood_YX, at, angle), at=at)
            for angle in np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
        ]
        arrows.append(min(ways, key=lambda way: _cost(way, arrows, size_px, room)))
    return arrows


def _blood(slice_: Slice, lesions: Sequence[Lesion]) -> NDArray[np.bool_]:
    """All regions of the slice."""
    blood_YX = np.zeros(slice_.hu_YX.shape, dtype=bool)
    for lesion in lesions:
        for region in lesion.regions:
            if region.slice.image == slice_.image:
                blood_YX |= region.mask_YX()
    return blood_YX


def _tip(blood_YX: NDArray[np.bool_], at: tuple[float, float], angle: float) -> tuple[float, float]:
    """The place where a ray from the mark has left all regions."""
    step_N = np.arange(0.0, max(blood_YX.shape) * 1.5)
    inside_N = _on(blood_YX, at[0] + step_N * np.cos(angle), at[1] + step_N * np.sin(angle))
    length = (float(np.flatnonzero(inside_N)[-1]) if inside_N.any() else 0.0) + GAP_PX
    return at[0] + length * float(np.cos(angle)), at[1] + length * float(np.sin(angle))


def _cost(
    arrow: Arrow,
    others: Sequence[Arrow],
    size_px: float,
    room: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Its distance from the mark; more where its number is out of the room, or upon another
    number.
    """
    number = _number_at(arrow, size_px)
    outside = bool(np.any(number < room[0]) or np.any(number > room[1]))
    crowded = sum(
        bool(np.hypot(*(number - _number_at(other, size_px))) < 1.5 * size_px) for other in others
    )
    distance = float(np.hypot(arrow.tip[0] - arrow.at[0], arrow.tip[1] - arrow.at[1]))
    return distance + 1000 * outside + 300 * crowded


def _number_at(arrow: Arrow, size_px: float) -> NDArray[np.float64]:
    return np.array(arrow.tip) - np.array(arrow.direction) * NUMBER_FROM_TIP * size_px


def _on(
    mask_YX: NDArray[np.bool_], x_N: NDArray[np.float64], y_N: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The mask at places; False beyond its edge."""
    column_N, row_N = np.rint(x_N).astype(int), np.rint(y_N).astype(int)
    rows, columns = mask_YX.shape
    within_N = (row_N >= 0) & (row_N < rows) & (column_N >= 0) & (column_N < columns)
    found_N = np.zeros(len(x_N), dtype=bool)
    found_N[within_N] = mask_YX[row_N[within_N], column_N[within_N]]
    return found_N
