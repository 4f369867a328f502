"""Metal beside or in the brain: clips, coils, shunt valves, teeth. Its streaks look like blood, so
the reading says how many slices show it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.series.brain_region import BONE_HU, brain_tissue
from ich_node.series.morphology import closed, holes, in_pixels, largest

METAL_HU = 2_500
LEAST_MM2 = 2.0  # less is a noisy pixel
OUTLINE_GAP_MM = 1.9  # gaps of this half width in the outline of the bone are closed


def shows_metal(hu_YX: NDArray[Any], pixel_spacing_mm: tuple[float, float]) -> bool:
    """Whether a slice that shows brain also shows metal inside the outline of the head."""
    metal_YX = hu_YX > METAL_HU
    pixel_mm2 = pixel_spacing_mm[0] * pixel_spacing_mm[1]
    if (
        np.count_nonzero(metal_YX) * pixel_mm2 < LEAST_MM2
        or brain_tissue(hu_YX, pixel_spacing_mm) is None
    ):
        return False
    outline_YX = closed(hu_YX > BONE_HU, in_pixels(OUTLINE_GAP_MM, min(pixel_spacing_mm)))
    head_YX = largest(outline_YX | holes(outline_YX))
    return head_YX is not None and bool(
        np.count_nonzero(metal_YX & head_YX) * pixel_mm2 >= LEAST_MM2
    )
