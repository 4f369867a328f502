"""LikelihoodMap -> Peaks: the detector of Nemcek 2021 §II-D, in a form that is exact and does not
flood the whole map.

Local maxima are the pixels that equal the grey dilation of the map; they must be higher than T, at
least d apart, and stand out by h (h-maxima transform). A candidate survives the h-maxima transform
exactly when the connected region above `value - h` around it holds nothing higher. So only the part
of the map above T is dilated, and only the surroundings of the few candidates are flooded. Points
and their order are those of `skimage.feature.peak_local_max` and `skimage.morphology.h_maxima`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.bilinear import enlarging, resample
from ich_node.detection.prominence import standing_out


@dataclass(frozen=True, kw_only=True)
class PeakRule:
    """What counts as a peak. Tuned, never guessed.

    min_distance_px: d, Chebyshev, in pixels of the network input. min_likelihood: T, in the map's
    unit, exclusive. min_prominence: h, in the map's unit. slice_gate: a slice whose probability is
    lower has no peaks; 0 switches it off. exclude_border: drop peaks nearer than d to the edge, as
    the published detector does.
    """

    min_distance_px: int
    min_likelihood: float
    min_prominence: float
    slice_gate: float = 0.0
    exclude_border: bool = False


@dataclass(frozen=True, kw_only=True)
class Peak:
    """A maximum, in pixels of the network input."""

    row: int
    column: int
    likelihood: float


def upsample(likelihood_YX: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    """The low-resolution map on the input grid, bilinear with mirrored edges (the published
    detector's resize).
    """
    rows, columns = likelihood_YX.shape
    return resample(likelihood_YX, enlarging(rows, size_px), enlarging(columns, size_px))


def find_peaks(likelihood_YX: NDArray[np.float32], rule: PeakRule) -> list[Peak]:
    """Local maxima that are high enough, far enough apart and stand out enough; the highest first.

    likelihood_YX: the map on the input grid. The slice gate is the caller's, who knows the
    probability.
    """
    highest, lowest = likelihood_YX.max(), likelihood_YX.min()
    # a constant map has no maximum, and nothing stands out by more than the map's range
    if (
        highest <= rule.min_likelihood
        or highest == lowest
        or rule.min_prominence > highest - lowest
    ):
        return []
    candidates = _spaced(likelihood_YX, _local_maxima(likelihood_YX, rule), rule.min_distance_px)
    if rule.min_prominence > 0:
        candidates = standing_out(
            likelihood_YX, candidates, rule.min_prominence, apart_px=rule.min_distance_px
        )
    return [
        Peak(row=row, column=column, likelihood=float(likelihood_YX[row, column]))
        for row, column in candidates
    ]


def _local_maxima(likelihood_YX: NDArray[np.float32], rule: PeakRule) -> list[tuple[int, int]]:
    """(row, column) of pixels above T with nothing higher within d; the highest first, equal ones
    in reading order.
    """
    high_YX = likelihood_YX > rule.min_likelihood
    border_px = rule.min_distance_px if rule.exclude_border else 0
    high_YX[:border_px] = high_YX[:, :border_px] = False
    high_YX[max(0, len(high_YX) - border_px) :] = False
    high_YX[:, max(0, high_YX.shape[1] - border_px) :] = False
    if not high_YX.any():
        return []
    rows, columns = (
        _extent(np.flatnonzero(high_YX.any(axis=1))),
        _extent(np.flatnonzero(high_YX.any(axis=0))),
    )
    dilated_YX = _dilated(likelihood_YX, rows, columns, rule.min_distance_px)
    row_N, column_N = np.nonzero(
        high_YX[rows, columns] & (likelihood_YX[rows, columns] == dilated_YX)
    )
    row_N, column_N = row_N + rows.start, column_N + columns.start
    order_N = np.argsort(-likelihood_YX[row_N, column_N], kind="stable")
    return list(zip(row_N[order_N].tolist(), column_N[order_N].tolist(), strict=True))


def _extent(place_N: NDArray[np.intp]) -> slice:
    """From the first to the last place."""
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


def _spaced(
    likelihood_YX: NDArray[np.float32], candidates: list[tuple[int, int]], distance_px: int
) -> list[tuple[int, int]]:
    """Of those nearer to each other than d the first. They are equally high: each is the highest
    within d.
    """
    taken_YX = np.zeros(likelihood_YX.shape, dtype=bool)
    spaced = []
    for row, column in candidates:
        if not taken_YX[row, column]:
            spaced.append((row, column))
            top, left = max(0, row - distance_px + 1), max(0, column - distance_px + 1)
            taken_YX[top : row + distance_px, left : column + distance_px] = True
    return spaced
