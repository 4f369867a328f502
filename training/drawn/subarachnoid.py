"""Blood in the fluid of real sulci and cisterns."""

from dataclasses import dataclass

import numpy as np

from training.drawn.ground import Ground
from training.drawn.paint import Painted, blood_hu, mixed, random_place

LEAST_FLUID_MM2 = 25.0  # within reach, in the slice of the centre
SEEN_HU = 6.0  # a voxel that blood raises by less is not counted


@dataclass(frozen=True, kw_only=True)
class StainRange:
    reach_mm: tuple[float, float]
    hu: tuple[float, float] = (46.0, 72.0)  # of the mixture of blood and fluid
    faint_share: float = 0.3
    faint_over_brain_hu: tuple[float, float] = (8.0, 15.0)


SIZES = {
    "small": StainRange(reach_mm=(7.0, 16.0)),
    "any": StainRange(reach_mm=(8.0, 55.0)),
}


def draw_subarachnoid(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if no fluid is there that blood could fill."""
    values = SIZES[size]
    # blood widens a sulcus: what is partly fluid is filled more than its share
    fluid_SYX = np.maximum(
        ground.fluid_SYX ** np.float32(rng.uniform(0.5, 0.8)), ground.valleys_SYX
    )
    fluid_SYX = np.where(ground.ventricles_SYX > 0, np.float32(0), fluid_SYX)
    place = random_place(rng, (fluid_SYX > 0.5) & (ground.depth_SYX < 45))
    if place is None:
        return None
    reach = np.float32(rng.uniform(*values.reach_mm))
    z, y, x = ground.away_mm(place)
    away_SYX = np.sqrt(z**2 + y**2 + x**2) + np.float32(0.25) * reach * ground.noise(rng, 10.0)
    stain_SYX = np.clip((reach - away_SYX) / (np.float32(0.4) * reach), 0, 1)
    if rng.random() < 0.5:  # along cortex, not in the depth
        stain_SYX = stain_SYX * np.clip((rng.uniform(8, 22) - ground.depth_SYX) / 4, 0, 1)
    share_SYX = (stain_SYX * fluid_SYX).astype(np.float32)
    if rng.random() < values.faint_share:
        hu = ground.brain_hu + 3 + rng.uniform(*values.faint_over_brain_hu)
    else:
        hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    share_SYX = ground.softened(share_SYX, 0.4)
    wet = mixed(ground, share_SYX, hu + np.float32(2.0) * ground.noise(rng, 4.0))
    raised_SYX = wet.hu_SYX - ground.hu_SYX
    mask_SYX = (raised_SYX > SEEN_HU) & (share_SYX > 0.3) & ground.cavity_SYX
    index = min(max(round(place[0]), 0), len(mask_SYX) - 1)
    if np.count_nonzero(mask_SYX[index]) * ground.pixel_mm2 < LEAST_FLUID_MM2:
        return None
    return Painted(ground=wet, mask_SYX=mask_SYX, kind="SAH")
