"""LikelihoodMap -> Peaks: the detector of Nemcek 2021 §II-D, in a form that is exact and does not flood the whole map.

Local maxima are the pixels that equal the grey dilation of the map; they must be higher than T, at least d apart, and
stand out by h (h-maxima transform). A candidate survives the h-maxima transform exactly when the connected region above
`value - h` around it holds nothing higher, so only the few candidates are looked at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max

from ich_node.detection.bilinear import enlarging, resample

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, kw_only=True)
class PeakRule:
    """What counts as a peak. Tuned, never guessed.

    min_distance_px: d, Chebyshev, in pixels of the network input. min_likelihood: T, in the map's unit, exclusive.
    min_prominence: h, in the map's unit. slice_gate: a slice whose probability is lower has no peaks; 0 switches it off.
    exclude_border: drop peaks nearer than d to the edge, as the published detector does.
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
    """The low-resolution map on the input grid, bilinear with mirrored edges (the published detector's resize)."""
    rows, columns = likelihood_YX.shape
    return resample(likelihood_YX, enlarging(rows, size_px), enlarging(columns, size_px))


def find_peaks(likelihood_YX: NDArray[np.float32], rule: PeakRule) -> list[Peak]:
    """Local maxima that are high enough, far enough apart and stand out enough; the highest first.

    likelihood_YX: the map on the input grid. The slice gate is the caller's, who knows the probability.
    """
    if likelihood_YX.max() <= rule.min_likelihood or rule.min_prominence > np.ptp(likelihood_YX):
        return []
    coordinates = peak_local_max(
        likelihood_YX, min_distance=rule.min_distance_px, threshold_abs=rule.min_likelihood, exclude_border=rule.exclude_border
    )
    if rule.min_prominence > 0:
        coordinates = _standing_out(likelihood_YX, coordinates, rule.min_prominence)
    return [Peak(row=int(row), column=int(column), likelihood=float(likelihood_YX[row, column])) for row, column in coordinates]


def _standing_out(likelihood_YX: NDArray[np.float32], coordinates: NDArray[np.intp], min_prominence: float) -> NDArray[np.intp]:
    """Those from which no higher value can be reached without going down by min_prominence. One flood a distinct height."""
    heights = likelihood_YX[tuple(coordinates.T)]
    stands_out = np.zeros(len(coordinates), dtype=bool)
    for height in np.unique(heights):
        level = np.flatnonzero(heights == height)
        # in double precision: a prominence below the step of a float32 must not put the peak outside its own region
        regions_YX, count = ndimage.label(likelihood_YX > np.float64(height) - min_prominence, structure=EIGHT_NEIGHBOURS)
        highest = ndimage.maximum(likelihood_YX, regions_YX, index=np.arange(1, count + 1))
        stands_out[level] = np.asarray(highest)[regions_YX[tuple(coordinates[level].T)] - 1] <= height
    return coordinates[stands_out]
