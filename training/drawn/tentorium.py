"""A subdural layer on one leaf of the tentorium: a sharp inner edge, a fading outer one."""

import numpy as np

from training.drawn.falx import SheetRange
from training.drawn.ground import Ground
from training.drawn.paint import Painted, blood_hu, blood_mask, edge_mm, log_uniform, mixed, texture

LEAST_AREA_CM2 = 70.0
SIZES = {
    "small": SheetRange(thickness_mm=(2.5, 4.5), length_mm=(16.0, 30.0)),
    "any": SheetRange(thickness_mm=(2.5, 9.0), length_mm=(18.0, 50.0)),
}
APEX = (0.10, 9.0)  # where the leaves meet the incisura: share of the way back, mm aside
SPREAD = (0.50, 0.80)  # tangent of the leaf's angle to the midline


def draw_tentorium(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if no slice is wide enough to be at the level of the tentorium."""
    low_S = (ground.solid_S < 0.96) | (ground.air_cm2_S > 1)
    shown_S = np.flatnonzero((ground.area_cm2_S > LEAST_AREA_CM2) & low_S)
    if not len(shown_S):
        return None
    values = SIZES[size]
    line = ground.midline
    _, rows, columns = np.ogrid[tuple(slice(length) for length in ground.hu_SYX.shape)]
    side = np.float32(rng.choice([-1, 1]))
    across_YX = side * line.across_mm(rows[0], columns[0], ground.spacing[1])
    along_YX = line.along_mm(rows[0], columns[0], ground.spacing[1])
    # a leaf in an axial slice is a curve from the incisura to the back and aside; it moves outwards
    # from slice to slice as the leaf slopes down
    index = int(shown_S[rng.integers(len(shown_S))])
    z = ground.away_mm((index + rng.uniform(-0.5, 0.5), 0, 0))[0]
    start = line.back_mm * (APEX[0] + rng.uniform(-0.08, 0.25))
    aside = np.float32(APEX[1] + rng.uniform(-3, 5)) - np.float32(0.7) * z
    slope = np.float32(rng.uniform(*SPREAD))
    length = rng.uniform(*values.length_mm)
    behind_YX = along_YX - np.float32(start)
    curve = aside + slope * behind_YX - np.float32(rng.uniform(0, 0.006)) * behind_YX**2
    from_leaf_SYX = (across_YX - curve) / np.sqrt(1 + slope**2)
    from_leaf_SYX = from_leaf_SYX + np.float32(0.8) * ground.noise(rng, 12.0)
    thickness = np.float32(log_uniform(rng, *values.thickness_mm))
    profile_SYX = 1 - ((behind_YX - np.float32(length / 2)) / np.float32(length / 2)) ** 4
    profile_SYX = np.clip(np.minimum(profile_SYX, 1 - (z / np.float32(9.0)) ** 2), 0, 1)
    inner_SYX = np.clip(from_leaf_SYX / np.float32(1.0) + 0.5, 0, 1)
    fades = np.float32(rng.uniform(1.5, 6.0))
    outer_SYX = np.clip((thickness * profile_SYX - from_leaf_SYX) / fades + 0.5, 0, 1)
    share_SYX = np.minimum(inner_SYX, outer_SYX) * (profile_SYX > 0.1) * (ground.depth_SYX > 0.5)
    share_SYX = ground.softened(share_SYX.astype(np.float32), edge_mm(rng, float(thickness)))
    hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    wet = mixed(ground, share_SYX, hu + texture(rng, ground))
    return Painted(ground=wet, mask_SYX=blood_mask(ground, wet, share_SYX), kind="SDH")
