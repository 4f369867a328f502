"""Bilinear resampling of maps as two small matrix products: the result of the libraries' splines of
order 1 in less time.

Every row of the result is a mix of two rows of the source, every column of two columns, so R = W_Y
S W_X^T. The weights depend on the sizes alone and are computed once.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
NEARLY = 1e-9  # of a pixel: a position that rounding moved beside the edge lies on it


@lru_cache(maxsize=64)
def enlarging(source_px: int, target_px: int) -> Weights:
    """Weights (target_px, source_px) from one size to another over the same area; the source is
    mirrored beyond its outermost centres, as in `skimage.transform.resize(order=1)`.
    """
    position = np.abs((np.arange(target_px) + 0.5) * source_px / target_px - 0.5)
    last = source_px - 1
    return _mixing(source_px, last - np.abs(last - position))


@lru_cache(maxsize=64)
def sampling(source_px: int, target_px: int, step_px: float, start_px: float) -> Weights:
    """Weights (target_px, source_px) of samples every step_px from start_px on; 0 outside the first
    and last centre, as in `scipy.ndimage.affine_transform(order=1, mode="constant")`.
    """
    position = start_px + step_px * np.arange(target_px, dtype=np.float64)
    inside = (position >= -NEARLY) & (position <= source_px - 1 + NEARLY)
    return _mixing(source_px, position) * inside[:, None]


def resample(
    source_YX: NDArray[np.float32], rows: Weights, columns: Weights
) -> NDArray[np.float32]:
    """The source resampled by the weights of both axes. In double precision, rounded once: a
    plateau stays a plateau, to the last bit.
    """
    return np.asarray(rows @ source_YX.astype(np.float64) @ columns.T, dtype=np.float32)


def _mixing(source_px: int, position: NDArray[np.float64]) -> Weights:
    """The two neighbours of each position with their shares."""
    place = np.clip(position, 0, source_px - 1)
    lower = np.minimum(place.astype(np.intp), max(0, source_px - 2))
    upper = np.minimum(lower + 1, source_px - 1)
    weights = np.zeros((len(position), source_px))
    target = np.arange(len(position))
    np.add.at(weights, (target, lower), 1 - (place - lower))
    np.add.at(weights, (target, upper), place - lower)
    weights.flags.writeable = False  # cached
    return weights
