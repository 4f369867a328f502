"""Blood in real ventricles: a level in the dependent part, or a cast."""

import numpy as np

from training.drawn.ground import Ground
from training.drawn.paint import Painted, blood_hu, mixed, texture

CAST_SHARE = 0.35
LEAST_MM2 = 12.0  # of blood


def draw_intraventricular(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if no ventricle is seen."""
    numbered_SYX = ground.ventricles_SYX
    areas = np.bincount(numbered_SYX.ravel())[1:] * ground.pixel_mm2
    wide = 1 + np.flatnonzero(areas > 1.5 * LEAST_MM2)
    if not len(wide):
        return None
    chosen = [int(rng.choice(wide))]
    if size != "small" and rng.random() < 0.4:
        chosen = [int(number) for number in wide]
    body_SYX = np.isin(numbered_SYX, chosen)
    cast = size != "small" and rng.random() < CAST_SHARE
    rows = np.nonzero(body_SYX)[1]
    _, y, _ = ground.away_mm((0, 0, 0))
    tops = rows * ground.spacing[1]
    full = rng.uniform(0.15, 0.4) if size == "small" else rng.uniform(0.2, 1.0)
    level = -5.0 if cast else float(np.quantile(tops, 1 - full))
    # patients lie on their backs: blood sinks to larger rows
    sharp = np.float32(rng.uniform(1.0, 5.0))
    below_SYX = np.clip((y - np.float32(level)) / sharp + 0.5, 0, 1)
    below_SYX = below_SYX * np.ones_like(ground.hu_SYX)
    if cast:  # a clot leaves parts of the ventricle free
        below_SYX = np.clip(1.2 - np.maximum(ground.noise(rng, 12.0) - 0.8, 0), 0, 1)
    body = ground.softened(body_SYX.astype(np.float32), 1.2)
    near_SYX = np.clip(body * 3, 0, 1)
    share_SYX = (near_SYX * ground.filled_SYX * below_SYX).astype(np.float32)
    share_SYX = ground.softened(share_SYX, 0.4)
    hu = blood_hu(rng, ground, low=44, high=74 if cast else 62)  # a level is blood with fluid
    wet = mixed(ground, share_SYX, hu + texture(rng, ground, (1.0, 3.5)))
    mask_SYX = (wet.hu_SYX - ground.hu_SYX > 8) & (share_SYX > 0.4) & ground.cavity_SYX
    if np.count_nonzero(mask_SYX) * ground.pixel_mm2 < LEAST_MM2:
        return None
    return Painted(ground=wet, mask_SYX=mask_SYX, kind="IVH")
