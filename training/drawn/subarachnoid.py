"""Blood in the fluid of real sulci and cisterns, and in sulci too tight to show fluid."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from training.drawn.ground import Ground
from training.drawn.paint import Painted, blood_hu, mixed, random_place, texture
from training.drawn.sulcus import drawn_sulci

LEAST_MM2 = 15.0  # of blood in the slice that shows most
SEEN_HU = 6.0  # a voxel that blood raises by less is not counted
TIGHT_SHARE = 0.5  # how often blood lies in sulci that show no fluid


@dataclass(frozen=True, kw_only=True)
class StainRange:
    """hu: of the mixture of blood and fluid. sulci: how many tight ones at most."""

    reach_mm: tuple[float, float]
    sulci: int
    hu: tuple[float, float] = (48.0, 70.0)
    faint_share: float = 0.3
    faint_over_grey_hu: tuple[float, float] = (8.0, 15.0)


SIZES = {
    "small": StainRange(reach_mm=(7.0, 16.0), sulci=2),
    "any": StainRange(reach_mm=(8.0, 55.0), sulci=6),
}


def draw_subarachnoid(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if no fluid is there that blood could fill."""
    values = SIZES[size]
    ventricles_SYX = ndimage.binary_dilation(
        ground.ventricles_SYX > 0, np.ones((1, 3, 3), dtype=bool), iterations=2
    )
    fluid_SYX = np.maximum(ground.filled_SYX, ground.valleys_SYX) * ~ventricles_SYX
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
    if rng.random() < TIGHT_SHARE:
        tight_SYX = drawn_sulci(
            ground,
            rng,
            places_SYX=(away_SYX < reach) & (ground.vault_SYX > 0.7),
            count=int(rng.integers(1, values.sulci + 1)),
            length_mm=(4, 16),
            width_mm=(1.0, 2.8),
        )
        share_SYX = np.maximum(share_SYX, tight_SYX)
    if rng.random() < values.faint_share:
        hu = ground.brain_hu + 3 + rng.uniform(*values.faint_over_grey_hu)
    else:
        hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    share_SYX = ground.softened(share_SYX, 0.4)
    wet = mixed(ground, share_SYX, hu + texture(rng, ground))
    mask_SYX = (
        (wet.hu_SYX - ground.hu_SYX > SEEN_HU)
        & (share_SYX > 0.35)
        & (wet.smooth_SYX > ground.brain_hu + 4)  # what is still darker than brain is not seen
    )
    if np.count_nonzero(mask_SYX, axis=(1, 2)).max() * ground.pixel_mm2 < LEAST_MM2:
        return None
    return Painted(ground=wet, mask_SYX=mask_SYX, kind="SAH")
