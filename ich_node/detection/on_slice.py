"""A coarse map of the network in the pixels of its slice."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.bilinear import Weights, enlarging, resample, sampling
from ich_node.detection.network_input import PixelGrid


def on_slice(
    coarse_YX: NDArray[np.float32], grid: PixelGrid, *, size_px: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Resampled; 0 outside the network's input. size_px: of that input; shape: rows and columns of
    the slice.
    """
    row, column = grid.to_input(0, 0)
    rows, columns = shape
    return resample(
        coarse_YX,
        _weights(coarse_YX.shape[0], size_px, rows, 1 / grid.row_scale, row),
        _weights(coarse_YX.shape[1], size_px, columns, 1 / grid.column_scale, column),
    )


@lru_cache(maxsize=16)
def _weights(
    coarse_px: int, size_px: int, target_px: int, step_px: float, start_px: float
) -> Weights:
    """Both steps in one; the slices of a series have the same."""
    weights = sampling(size_px, target_px, step_px, start_px) @ enlarging(coarse_px, size_px)
    weights.flags.writeable = False  # cached
    return weights
