"""Soft tissue inside closed bone: where the brain is, without a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.series.morphology import closed, eroded, holes

BONE_HU = 150  # thin bone and the partial volume of its rim, still above any fresh clot
COARSE_MM = 0.9  # pixels of about this size are enough to see a skull
SMALLEST_CM2 = 15.0
LARGEST_CM2 = 350.0


def enclosed_tissue(
    hu_YX: NDArray[Any], pixel_spacing_mm: tuple[float, float]
) -> NDArray[Any] | None:
    """HU of the pixels of the largest region inside closed bone, without its rim, coarsely sampled.

    None if there is no such region, or if it is too small or too large for brain (a neck, an open
    base, a table).
    """
    step = max(1, round(COARSE_MM / min(pixel_spacing_mm)))
    coarse_YX = hu_YX[::step, ::step]
    bone_YX = closed(np.pad(coarse_YX > BONE_HU, 6), 4)[6:-6, 6:-6]
    inside_YX = eroded(holes(bone_YX), 3)
    regions_YX, count = ndimage.label(inside_YX)
    if count == 0:
        return None
    largest = 1 + int(np.argmax(np.bincount(regions_YX.ravel())[1:]))
    window = ndimage.find_objects(regions_YX, max_label=largest)[-1]
    region_YX = regions_YX[window] == largest
    # with what is as dense as bone inside it: calcifications, and vessels full of contrast agent
    values: NDArray[Any] = coarse_YX[window][region_YX | holes(region_YX)]
    area_cm2 = values.size * step**2 * pixel_spacing_mm[0] * pixel_spacing_mm[1] / 100
    return values if SMALLEST_CM2 <= area_cm2 <= LARGEST_CM2 else None
