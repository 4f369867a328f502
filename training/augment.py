"""Random changes to a phantom slice, in HU, before `to_network_input`: they cannot fork the preprocessing."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

AIR_HU = -1000


def augment(
    hu_YX: NDArray[np.int16], mask_YX: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Mirror, rotate up to 15 degrees, scale up to 10 %, shift up to 12 px, offset up to 3 HU."""
    if rng.random() < 0.5:
        hu_YX, mask_YX = hu_YX[:, ::-1], mask_YX[:, ::-1]
    hu = hu_YX.astype(np.float32)
    if rng.random() < 0.7:
        angle, scale = np.deg2rad(rng.uniform(-15, 15)), rng.uniform(0.9, 1.1)
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
        middle = (np.array(hu.shape) - 1) / 2
        offset = middle + rng.uniform(-12, 12, 2) - matrix @ middle
        hu = ndimage.affine_transform(hu, matrix, offset, order=1, cval=AIR_HU)
        mask_YX = ndimage.affine_transform(mask_YX, matrix, offset, order=0)
    return hu + np.float32(rng.uniform(-3, 3)), mask_YX
