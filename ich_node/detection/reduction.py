"""A slice's matrix -> the size of the network input: as the published code did it, or by area means on the physical grid.

The weights follow from sizes alone, and are made once for all slices of a geometry.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GAUSSIAN_REACH = 4.0  # sigmas


@dataclass(frozen=True, kw_only=True)
class _Samples:
    """Which source pixels make which target pixel: at_KT[k] with weight_K[k], outermost first; the last is the pixel itself."""

    before_KT: NDArray[np.intp]
    after_KT: NDArray[np.intp]
    weight_K: NDArray[np.float64]


def whole_matrix(hu_YX: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    """The published reduction: anti-aliased, then the nearest sample. For 512 to 256: sigma 0.5, every second pixel.

    What `skimage.transform.resize(order=0, anti_aliasing=True)` gives, to the last bit; only the samples taken are filtered.
    """
    reduced_YX = _sampled(hu_YX, _samples(hu_YX.shape[0], size_px))
    return np.transpose(_sampled(np.ascontiguousarray(reduced_YX.T), _samples(hu_YX.shape[1], size_px)))


def _sampled(source_SX: NDArray[np.float32], samples: _Samples) -> NDArray[np.float32]:
    """In double precision and in SciPy's order of summation, rounded once."""
    *outer, own = range(len(samples.weight_K))
    total_TX = source_SX[samples.before_KT[own]].astype(np.float64)
    total_TX *= samples.weight_K[own]
    for k in outer:
        pair_TX = source_SX[samples.before_KT[k]].astype(np.float64)
        pair_TX += source_SX[samples.after_KT[k]]
        pair_TX *= samples.weight_K[k]
        total_TX += pair_TX
    sampled_TX: NDArray[np.float32] = total_TX.astype(np.float32)
    return sampled_TX


@lru_cache(maxsize=16)
def _samples(source_px: int, size_px: int) -> _Samples:
    nearest = ndimage.zoom(np.arange(source_px, dtype=np.float64), size_px / source_px, order=0, mode="mirror", grid_mode=True)
    sigma = max(0.0, (source_px / size_px - 1) / 2)
    reach = int(GAUSSIAN_REACH * sigma + 0.5)
    distance_K = np.arange(reach, -1, -1)
    weight_K = np.ones(1)
    if reach:
        impulse = np.zeros(2 * reach + 1)
        impulse[reach] = 1
        weight_K = ndimage.gaussian_filter1d(impulse, sigma, truncate=GAUSSIAN_REACH, mode="constant")[: reach + 1]
    last = source_px - 1
    before_KT = nearest.astype(np.intp) - distance_K[:, None]
    after_KT = nearest.astype(np.intp) + distance_K[:, None]
    # mirrored at the outermost centres
    return _Samples(before_KT=_mirrored(before_KT, last), after_KT=_mirrored(after_KT, last), weight_K=weight_K)


def _mirrored(at: NDArray[np.intp], last: int) -> NDArray[np.intp]:
    folded = np.abs(at) % max(1, 2 * last)
    mirrored: NDArray[np.intp] = np.minimum(folded, 2 * last - folded)
    return mirrored


def area_means(above_air_YX: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each target pixel the mean of the box it covers (the integral of the image, differenced); 0 outside the matrix.

    An area mean is exact for any scale and keeps a small dense clot's mass, which interpolation at a point does not.
    """
    return np.asarray(rows @ above_air_YX @ columns.T, dtype=np.float32)


@lru_cache(maxsize=64)
def area_weights(source_px: int, scale: float, offset: float, size_px: int) -> NDArray[np.float32]:
    """weights[i, j]: the share of source pixel j in the box that input pixel i covers (at least one source pixel wide)."""
    half = max(scale, 1.0) / 2
    centres = scale * np.arange(size_px) + offset
    lower, upper = (centres - half)[:, None], (centres + half)[:, None]
    source = np.arange(source_px)[None, :]
    overlap = np.minimum(upper, source + 0.5) - np.maximum(lower, source - 0.5)
    weights: NDArray[np.float32] = (np.clip(overlap, 0, None) / (2 * half)).astype(np.float32)
    weights.flags.writeable = False  # cached
    return weights
