"""A map -> Candidates: every maximum that a peak rule may keep, for serving and for tuning.

A candidate is a pixel that equals the grey dilation of the map (Nemcek 2021 §II-D) and exceeds a
floor. Only the part of the map above the floor is dilated. The order is that of
`skimage.feature.peak_local_max`: the highest first, equal ones in reading order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The maxima of one map on the input grid, highest first (equal ones in reading order): arrays
    of length N.

    range_: highest minus lowest value of the map; a rule with a larger h finds nothing in it.
    """

    row_N: NDArray[np.intp]
    column_N: NDArray[np.intp]
    value_N: NDArray[np.float32]
    shape_YX: tuple[int, int]
    range_: np.float32

    def __len__(self) -> int:
        return len(self.row_N)

    @property
    def edge_N(self) -> NDArray[np.intp]:
        """The distance in pixels to the border of the map; 0 on it."""
        rows, columns = self.shape_YX
        to_edge = [self.row_N, self.column_N, rows - 1 - self.row_N, columns - 1 - self.column_N]
        return np.asarray(np.minimum.reduce(to_edge), dtype=np.intp)


def find_candidates(
    likelihood_YX: NDArray[np.float32], *, floor: float, within_px: int
) -> Candidates:
    """The pixels above floor with nothing higher within within_px (Chebyshev, at least 1). A
    constant map has none.
    """
    highest, lowest = likelihood_YX.max(), likelihood_YX.min()
    row_N = column_N = np.empty(0, dtype=np.intp)
    if highest > lowest and highest > floor:
        row_N, column_N = _maxima(likelihood_YX, floor, within_px)
    value_N = likelihood_YX[row_N, column_N]
    order_N = np.argsort(-value_N, kind="stable")
    return Candidates(
        row_N=row_N[order_N],
        column_N=column_N[order_N],
        value_N=value_N[order_N],
        shape_YX=(likelihood_YX.shape[0], likelihood_YX.shape[1]),
        range_=highest - lowest,
    )


def _maxima(
    likelihood_YX: NDArray[np.float32], floor: float, within_px: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    high_YX = likelihood_YX > floor
    rows, columns = _extent(high_YX, axis=1), _extent(high_YX, axis=0)
    dilated_YX = _dilated(likelihood_YX, rows, columns, within_px)
    maximum_YX = high_YX[rows, columns] & (likelihood_YX[rows, columns] == dilated_YX)
    row_N, column_N = np.nonzero(maximum_YX)
    return row_N + rows.start, column_N + columns.start


def _extent(mask_YX: NDArray[np.bool_], *, axis: int) -> slice:
    """From the first to the last line that holds a True; axis: along the lines."""
    place_N = np.flatnonzero(mask_YX.any(axis=axis))
    return slice(int(place_N[0]), int(place_N[-1]) + 1)


def _dilated(
    likelihood_YX: NDArray[np.float32], rows: slice, columns: slice, reach_px: int
) -> NDArray[np.float32]:
    """The highest value within reach_px (Chebyshev) of each pixel of the part given by rows and
    columns.
    """
    top, left = rows.start - reach_px, columns.start - reach_px
    part_YX = np.full(
        (rows.stop + reach_px - top, columns.stop + reach_px - left),
        -np.inf,
        dtype=likelihood_YX.dtype,
    )
    inside_YX = likelihood_YX[
        max(0, top) : rows.stop + reach_px, max(0, left) : columns.stop + reach_px
    ]
    first_row, first_column = max(0, -top), max(0, -left)
    part_YX[
        first_row : first_row + inside_YX.shape[0], first_column : first_column + inside_YX.shape[1]
    ] = inside_YX
    return _sliding_maximum(_sliding_maximum(part_YX, 2 * reach_px + 1).T, 2 * reach_px + 1).T


def _sliding_maximum(values_YX: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Along the first axis: of rows y to y + length - 1. Windows are joined in pairs, so it takes
    log2(length) passes.
    """
    joined = 1
    while joined < length:
        step = min(joined, length - joined)
        values_YX = np.maximum(values_YX[:-step], values_YX[step:])
        joined += step
    return values_YX
