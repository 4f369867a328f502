"""Metal beside or in the brain: clips, coils, shunt valves, teeth. Its streaks look like blood, so a reader should know of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.detection.enclosed import BONE_HU, enclosed_tissue

METAL_HU = 2_500.0
LEAST_MM2 = 2.0  # less is a noisy pixel


def shows_metal(hu_YX: NDArray[Any], pixel_spacing_mm: tuple[float, float]) -> bool:
    """Whether a slice that shows brain also shows metal inside the outline of the head."""
    metal_YX = hu_YX > METAL_HU
    if not metal_YX.any() or enclosed_tissue(hu_YX, pixel_spacing_mm) is None:
        return False
    parts_YX, _ = ndimage.label(ndimage.binary_fill_holes(ndimage.binary_closing(hu_YX > BONE_HU, iterations=4)))
    head_YX = parts_YX == 1 + int(np.argmax(np.bincount(parts_YX.ravel())[1:]))
    area_mm2 = np.count_nonzero(metal_YX & head_YX) * pixel_spacing_mm[0] * pixel_spacing_mm[1]
    return bool(area_mm2 >= LEAST_MM2)
