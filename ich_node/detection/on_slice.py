"""A coarse map of the network in the pixels of its slice."""

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.bilinear import enlarging, resample, sampling
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
        sampling(size_px, rows, 1 / grid.row_scale, row) @ enlarging(coarse_YX.shape[0], size_px),
        sampling(size_px, columns, 1 / grid.column_scale, column)
        @ enlarging(coarse_YX.shape[1], size_px),
    )
