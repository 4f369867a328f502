"""Which maxima have a prominence of h, as in `skimage.morphology.h_maxima`, without flooding the
whole map.

A maximum survives the h-maxima transform exactly when the connected region above `value - h` around
it holds nothing higher. So only the surroundings of the few maxima that need it are flooded.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def are_prominent(
    likelihood_YX: NDArray[np.float32],
    row_N: NDArray[np.intp],
    column_N: NDArray[np.intp],
    *,
    prominence: float,
    apart_px: int,
) -> NDArray[np.bool_]:
    """For each maximum: True if every way to a higher value goes down by prominence (h) or more.

    row_N, column_N: pixels with nothing higher within apart_px (Chebyshev).
    """
    prominent_YX = likelihood_YX == likelihood_YX.max()  # nothing is higher
    prominent_YX[row_N, column_N] |= _are_surrounded_by_lower(
        likelihood_YX, row_N, column_N, prominence, apart_px
    )
    known_YX = prominent_YX.copy()
    for place in np.flatnonzero(~known_YX[row_N, column_N]).tolist():
        row, column = int(row_N[place]), int(column_N[place])
        if known_YX[row, column]:
            continue
        part, region_YX, finds_higher = _flooded(
            likelihood_YX, row, column, prominence, first_reach_px=2 * apart_px + 1
        )
        # one flood decides for a whole plateau, and for all equal maxima that are joined
        equal_YX = region_YX & (likelihood_YX[part] == likelihood_YX[row, column])
        known_YX[part] |= equal_YX
        if not finds_higher:
            prominent_YX[part] |= equal_YX
    prominent_N: NDArray[np.bool_] = prominent_YX[row_N, column_N]
    return prominent_N


def _are_surrounded_by_lower(
    likelihood_YX: NDArray[np.float32],
    row_N: NDArray[np.intp],
    column_N: NDArray[np.intp],
    prominence: float,
    apart_px: int,
) -> NDArray[np.bool_]:
    """Maxima that need no flood: nothing within d is higher, and nothing on the square at distance
    d exceeds their height - h.
    """
    side_px = np.arange(-apart_px, apart_px + 1)
    edge_px = np.full_like(side_px, apart_px)
    down_R, right_R = (
        np.concatenate([side_px, side_px, edge_px, -edge_px]),
        np.concatenate([edge_px, -edge_px, side_px, side_px]),
    )
    rows, columns = likelihood_YX.shape
    # places outside the map are moved to its edge; at worst that causes an unnecessary flood
    row_NR = np.clip(row_N[:, None] + down_R, 0, rows - 1)
    column_NR = np.clip(column_N[:, None] + right_R, 0, columns - 1)
    level_N = likelihood_YX[row_N, column_N].astype(np.float64) - prominence
    return np.asarray(likelihood_YX[row_NR, column_NR].max(axis=1) <= level_N)


def _flooded(
    likelihood_YX: NDArray[np.float32],
    row: int,
    column: int,
    prominence: float,
    *,
    first_reach_px: int,
) -> tuple[tuple[slice, slice], NDArray[np.bool_], bool]:
    """A part of the map, the pixels in it that are connected to (row, column) above its height - h,
    and whether one of them is higher.

    The part grows until the answer is certain: something higher was reached, or the region ends
    within the part.
    """
    rows, columns = likelihood_YX.shape
    height = likelihood_YX[row, column]
    # in double precision: a prominence below the step of a float32 must not put the peak outside
    # its own region
    level = np.float64(height) - prominence
    reach_px = first_reach_px
    while True:
        top, bottom = max(0, row - reach_px), min(rows, row + reach_px + 1)
        left, right = max(0, column - reach_px), min(columns, column + reach_px + 1)
        part_YX = likelihood_YX[top:bottom, left:right]
        regions_YX, _ = ndimage.label(part_YX > level, structure=EIGHT_NEIGHBOURS)
        region_YX = regions_YX == regions_YX[row - top, column - left]
        finds_higher = bool(part_YX[region_YX].max() > height)
        goes_on = (
            (top > 0 and region_YX[0].any())
            or (bottom < rows and region_YX[-1].any())
            or (left > 0 and region_YX[:, 0].any())
            or (right < columns and region_YX[:, -1].any())
        )
        if finds_higher or not goes_on:
            return np.s_[top:bottom, left:right], region_YX, finds_higher
        reach_px *= 2
