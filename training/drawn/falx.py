"""A subdural sheet along one side of the falx."""

from dataclasses import dataclass

import numpy as np

from training.drawn.ground import Ground
from training.drawn.noise import Field
from training.drawn.paint import Painted, blood_hu, blood_mask, edge_mm, log_uniform, mixed, texture

LEAST_AREA_CM2 = 45.0
FRONT_MM = (8.0, 38.0)  # how far the falx is seen from the front of the cavity
BACK_MM = (10.0, 52.0)


@dataclass(frozen=True, kw_only=True)
class SheetRange:
    """Of a sheet along falx or tentorium, in mm and HU."""

    thickness_mm: tuple[float, float]
    length_mm: tuple[float, float]
    hu: tuple[float, float] = (52.0, 76.0)


SIZES = {
    "small": SheetRange(thickness_mm=(2.6, 4.0), length_mm=(14.0, 35.0)),
    "any": SheetRange(thickness_mm=(2.6, 7.0), length_mm=(14.0, 60.0)),
}


def draw_falx(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if no slice is wide enough to show the falx."""
    shown_S = np.flatnonzero(
        (ground.area_cm2_S > LEAST_AREA_CM2) & (ground.solid_S > 0.95) & (ground.air_cm2_S < 4)
    )
    if not len(shown_S):
        return None
    values = SIZES[size]
    line = ground.midline
    _, rows, columns = np.ogrid[tuple(slice(length) for length in ground.hu_SYX.shape)]
    across_YX = line.across_mm(rows[0], columns[0], ground.spacing[1])
    along_YX = line.along_mm(rows[0], columns[0], ground.spacing[1])
    length = rng.uniform(*values.length_mm)
    at_front = rng.random() < 0.35
    depth = rng.uniform(*(FRONT_MM if at_front else BACK_MM))
    middle = depth - line.front_mm if at_front else line.back_mm - depth
    index = int(shown_S[rng.integers(len(shown_S))])
    z = ground.away_mm((index + rng.uniform(-0.6, 0.6), 0, 0))[0]
    high = rng.uniform(9, 30)  # mm through slices
    profile_SYX = 1 - ((along_YX - np.float32(middle)) / np.float32(length / 2))[None] ** 2
    profile_SYX = np.clip(np.minimum(profile_SYX, 1 - (z / np.float32(high)) ** 4), 0, 1)
    thickness = log_uniform(rng, *values.thickness_mm)
    thickness_SYX = np.float32(thickness) * profile_SYX
    thickness_SYX = thickness_SYX * (1 + np.float32(0.3) * ground.noise(rng, 6.0))
    bend_YX = np.float32(0.7) * ground.noise(rng, 25.0)
    side = np.float32(rng.choice([-1, 1]))
    from_falx_SYX = side * (across_YX[None] + bend_YX)
    share_SYX: Field = (
        np.clip(
            np.minimum(thickness_SYX - from_falx_SYX, from_falx_SYX + np.float32(0.6))
            / np.float32(0.9)
            + 0.5,
            0,
            1,
        )
        * (thickness_SYX > 0.5)
        * (ground.depth_SYX > 0.5)
    )
    hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    share_SYX = ground.softened(share_SYX.astype(np.float32), edge_mm(rng, thickness))
    wet = mixed(ground, share_SYX, hu + texture(rng, ground))
    return Painted(ground=wet, mask_SYX=blood_mask(ground, wet, share_SYX), kind="SDH")
