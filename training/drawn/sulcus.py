"""Single sulci, wedges from the inner table inwards: blood in tight ones, fluid in wide ones."""

import numpy as np

from training.drawn.ground import Ground, Mask
from training.drawn.noise import Field, smooth_noise

REACH_MM = 24.0  # in the plane, of the window in which one is drawn
TURN_RAD = 0.45  # from the direction to the middle of the head, standard deviation


def drawn_sulci(
    ground: Ground,
    rng: np.random.Generator,
    *,
    places_SYX: Mask,
    count: int,
    length_mm: tuple[float, float],
    width_mm: tuple[float, float],
) -> Field:
    """Share of each voxel in `count` sulci that begin at voxels of places_SYX."""
    share_SYX = np.zeros(ground.hu_SYX.shape, dtype=np.float32)
    starts = np.flatnonzero(places_SYX & (ground.depth_SYX > 1) & (ground.depth_SYX < 3))
    if not len(starts):
        return share_SYX
    for start in rng.choice(starts, count):
        index, row, column = (int(at) for at in np.unravel_index(start, share_SYX.shape))
        length, width = rng.uniform(*length_mm), rng.uniform(*width_mm)
        _draw(share_SYX, ground, rng, (index, row, column), length=length, width=width)
    return share_SYX * (ground.depth_SYX > 0.5)


def _draw(
    share_SYX: Field,
    ground: Ground,
    rng: np.random.Generator,
    place: tuple[int, int, int],
    *,
    length: float,
    width: float,
) -> None:
    """One wedge, bent, through slices within its height. Changes share_SYX in a window."""
    _, row, column = place
    half = [int(10 / ground.spacing[0]), *[int(REACH_MM / ground.spacing[1])] * 2]
    window = tuple(
        slice(max(0, at - reach), at + reach + 1) for at, reach in zip(place, half, strict=True)
    )
    z, y, x = (
        np.arange(span.start, min(span.stop, size), dtype=np.float32) - np.float32(at)
        for span, size, at in zip(window, share_SYX.shape, place, strict=True)
    )
    z = (z * np.float32(ground.spacing[0]) + np.float32(rng.uniform(-2, 2)))[:, None, None]
    y = (y * np.float32(ground.spacing[1]))[None, :, None]
    x = (x * np.float32(ground.spacing[2]))[None, None, :]
    inward = np.array([ground.midline.row - row, ground.midline.column - column])
    inward = inward / max(float(np.hypot(*inward)), 1.0)
    turn = rng.normal(0, TURN_RAD)
    cos, sin = np.cos(turn), np.sin(turn)
    down, right = (
        np.float32(inward[0] * cos - inward[1] * sin),
        np.float32(inward[0] * sin + inward[1] * cos),
    )
    along, across = y * down + x * right, x * down - y * right
    bent = across - np.float32(rng.normal(0, 0.02)) * along**2 - np.float32(rng.normal(0, 0.3)) * z
    bent = bent + np.float32(0.7) * smooth_noise(rng, bent.shape, spacing=ground.spacing, cell_mm=4)
    wedge = np.float32(width) * np.clip(1.15 - (along + 1) / np.float32(length), 0, 1)
    wedge = wedge * (along > -4) * np.clip(1 - (z / np.float32(rng.uniform(4, 10))) ** 2, 0, 1)
    part = np.clip((wedge - np.abs(bent)) / np.float32(0.9) + 0.5, 0, 1) * (wedge > 0.2)
    np.maximum(share_SYX[window], part, out=share_SYX[window])
