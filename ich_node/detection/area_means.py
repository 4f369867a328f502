"""A slice's matrix reduced to the size of the network input: as the published code does it, or by
area means on the physical grid.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def whole_matrix(hu_YX: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    """The published reduction: anti-aliased, then the nearest sample. For 512 to 256: sigma 0.5,
    every second pixel.
    """
    from skimage.transform import resize  # 20 MB of memory that only the published bundles need

    reduced: NDArray[np.float32] = resize(
        hu_YX, (size_px, size_px), order=0, anti_aliasing=True, preserve_range=True
    )
    return reduced.astype(np.float32, copy=False)


def area_means(
    above_air_YX: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Each target pixel is the mean of the box that it covers; 0 outside the matrix.

    rows, columns: `area_weights` of both axes. An area mean is exact for any scale and keeps the
    mass of a small dense clot, which interpolation at a point does not.
    """
    return np.asarray(rows @ above_air_YX @ columns.T, dtype=np.float32)


@lru_cache(maxsize=64)
def area_weights(source_px: int, scale: float, offset: float, size_px: int) -> NDArray[np.float32]:
    """weights[i, j]: the share of source pixel j in the box that input pixel i covers. A box is at
    least one source pixel wide.
    """
    half = max(scale, 1.0) / 2
    centres = scale * np.arange(size_px) + offset
    lower, upper = (centres - half)[:, None], (centres + half)[:, None]
    source = np.arange(source_px)[None, :]
    overlap = np.minimum(upper, source + 0.5) - np.maximum(lower, source - 0.5)
    weights: NDArray[np.float32] = (np.clip(overlap, 0, None) / (2 * half)).astype(np.float32)
    weights.flags.writeable = False  # cached
    return weights
