"""Soft tissue inside closed bone: where the brain is, without a model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.series.morphology import closed, dilated, eroded, holes, in_pixels

BONE_HU = 150  # thin bone and the partial volume of its rim, still above any fresh clot
COARSE_MM = 0.9  # pixels of about this size are enough to see a skull
BONE_GAP_MM = 3.8  # bone is widened by this to close sutures and thin places, then narrowed again
RIM_MM = 3.0  # partial volume of bone, and what lies under it, is no brain
SMALLEST_CM2 = 15.0
LARGEST_CM2 = 350.0


@dataclass(frozen=True, kw_only=True)
class BrainRegion:
    """The largest region inside closed bone, without its rim, in every step-th pixel."""

    mask_YX: NDArray[np.bool_]
    step: int
    coarse_mm: float
    area_cm2: float

    def values(self, hu_YX: NDArray[Any]) -> NDArray[Any]:
        """The pixels of the region."""
        found: NDArray[Any] = hu_YX[:: self.step, :: self.step][self.mask_YX]
        return found

    def inner(self, rim_mm: float) -> NDArray[np.bool_]:
        """Without another rim: the brain without its cortex."""
        return eroded(self.mask_YX, in_pixels(rim_mm, self.coarse_mm))

    def outer(self, rim_mm: float) -> NDArray[np.bool_]:
        """What lies around it, towards the skull."""
        return dilated(self.mask_YX, in_pixels(rim_mm, self.coarse_mm)) & ~self.mask_YX


def brain_region(hu_YX: NDArray[Any], pixel_spacing_mm: tuple[float, float]) -> BrainRegion | None:
    """None if there is no such region, or if it is too small or too large for brain (a neck, an
    open base, a table).
    """
    step = in_pixels(COARSE_MM, min(pixel_spacing_mm))
    coarse_YX, coarse_mm = hu_YX[::step, ::step], step * min(pixel_spacing_mm)
    inside_YX = eroded(
        holes(_closed_bone(coarse_YX > BONE_HU, in_pixels(BONE_GAP_MM, coarse_mm))),
        in_pixels(RIM_MM, coarse_mm),
    )
    regions_YX, count = ndimage.label(inside_YX)
    if count == 0:
        return None
    largest = 1 + int(np.argmax(np.bincount(regions_YX.ravel())[1:]))
    mask_YX = np.zeros(coarse_YX.shape, dtype=bool)
    window = ndimage.find_objects(regions_YX, max_label=largest)[-1]
    region_YX = regions_YX[window] == largest
    # with what is as dense as bone inside it: calcifications, and vessels full of contrast agent
    mask_YX[window] = region_YX | holes(region_YX)
    pixel_cm2 = step**2 * pixel_spacing_mm[0] * pixel_spacing_mm[1] / 100
    area_cm2 = float(np.count_nonzero(mask_YX)) * pixel_cm2
    if not SMALLEST_CM2 <= area_cm2 <= LARGEST_CM2:
        return None
    return BrainRegion(mask_YX=mask_YX, step=step, coarse_mm=coarse_mm, area_cm2=area_cm2)


def brain_tissue(hu_YX: NDArray[Any], pixel_spacing_mm: tuple[float, float]) -> NDArray[Any] | None:
    """HU of the pixels of the brain's region, coarsely sampled; None if there is none."""
    region = brain_region(hu_YX, pixel_spacing_mm)
    return None if region is None else region.values(hu_YX)


def _closed_bone(bone_YX: NDArray[np.bool_], gap_px: int) -> NDArray[np.bool_]:
    """With a margin, so that bone at the border of the image is closed as elsewhere."""
    margin = np.s_[gap_px:-gap_px, gap_px:-gap_px]
    return closed(np.pad(bone_YX, gap_px), gap_px)[margin]
