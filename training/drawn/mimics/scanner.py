"""What the scanner adds: beam hardening, partial volume, streaks, blur or sharpness, noise, an
offset of the density.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from training.drawn.ground import Ground
from training.drawn.noise import Field

SOFT_TISSUE_HU = 150.0
RAYS = 360  # directions from metal


def draw_cupping(ground: Ground, rng: np.random.Generator) -> Ground:
    """Beam hardening: brain brightens towards the inner table, all around or under thick bone.
    Real cortex 1 to 2 mm under the bone is 8 to 19 HU over the depth.
    """
    near = np.exp(-ground.depth_SYX / np.float32(rng.uniform(2.0, 7.0)))
    wide = np.exp(-ground.depth_SYX / np.float32(rng.uniform(12.0, 28.0)))
    uneven_SYX = np.clip(1 + 0.6 * ground.noise(rng, 30.0), 0, 2.5)
    added_SYX = (rng.uniform(0, 18) * near + rng.uniform(-1, 8) * wide) * uneven_SYX
    return _added(ground, added_SYX)


def draw_partial_volume(ground: Ground, rng: np.random.Generator) -> Ground:
    """A slice that is partly vault or base: the rim glows, at the vertex widely."""
    small = float(ground.area_cm2_S.max()) < 110
    width = rng.uniform(1.0, 6.0 if small else 2.5)
    patches_SYX = np.clip(ground.noise(rng, 18.0) + (0.5 if small else -0.2), 0, 2)
    glow_SYX = rng.uniform(5, 55) * np.exp(-((ground.depth_SYX / np.float32(width)) ** 2))
    return _added(ground, glow_SYX * patches_SYX)


def draw_streaks(ground: Ground, rng: np.random.Generator) -> Ground:
    """Of motion: bright and dark bands in one direction, stronger in a part of the head."""
    turn = rng.uniform(0, np.pi)
    shape = ground.hu_SYX.shape
    _, rows, columns = np.ogrid[tuple(slice(length) for length in shape)]
    across = np.cos(turn) * rows + np.sin(turn) * columns
    along = np.cos(turn) * columns - np.sin(turn) * rows
    bands_SYX = np.stack([_bands(rng, across[0], along[0]) for _ in range(shape[0])])
    part_SYX = np.clip(0.4 + 0.7 * ground.noise(rng, 35.0), 0, 2)
    return _added(ground, bands_SYX * part_SYX * np.float32(rng.uniform(1.5, 7.5)))


def _bands(rng: np.random.Generator, across_YX: Field, along_YX: Field) -> Field:
    """Lines across the whole head that change along it."""
    length = int(2 * np.hypot(*across_YX.shape)) + 4
    lines = [
        ndimage.gaussian_filter1d(
            rng.standard_normal(length, dtype=np.float32), rng.uniform(0.8, 3.5)
        )
        for _ in range(2)
    ]
    index = (across_YX + length / 2).astype(np.int32)
    first, second = (line[index] / line.std() for line in lines)
    blend = np.clip(along_YX / 90 + rng.uniform(0.2, 0.8), 0, 1)
    bands_YX: Field = (first + blend * (second - first)).astype(np.float32)
    return bands_YX


def draw_metal(ground: Ground, rng: np.random.Generator) -> Ground:
    """A star of rays from metal in or on the head, in one slice and weaker in its neighbours."""
    shape = ground.hu_SYX.shape
    row, column = rng.uniform(-0.1, 1.1) * shape[1], rng.uniform(-0.1, 1.1) * shape[2]
    z, y, x = ground.away_mm((int(rng.integers(shape[0])), row, column))
    rays = rng.standard_normal(RAYS) * (rng.random(RAYS) < rng.uniform(0.03, 0.3))
    rays = ndimage.gaussian_filter1d(rays, rng.uniform(1.5, 5.0), mode="wrap")
    rays *= rng.uniform(6, 28) / max(float(rays.std()), 1e-6)
    angle_YX = (np.arctan2(y, x)[0] + np.pi) * (RAYS / (2 * np.pi))
    at_YX = angle_YX.astype(int) % RAYS
    between_YX = angle_YX % 1
    rays_YX = rays[at_YX] * (1 - between_YX) + rays[(at_YX + 1) % RAYS] * between_YX
    away_SYX = np.sqrt(y**2 + x**2)
    fade_SYX = np.minimum(1.5, np.sqrt(40 / (away_SYX + 8))) * np.exp(-np.abs(z) / 5)
    added_SYX = rays_YX[None] * fade_SYX * (ground.hu_SYX > -300)
    return replace(ground, hu_SYX=ground.hu_SYX + added_SYX.astype(np.float32))


def draw_reconstruction(ground: Ground, rng: np.random.Generator) -> Ground:
    """Softer or sharper, and with the noise of a dose."""
    hu_SYX = ground.hu_SYX
    pixel = ground.spacing[1]
    draw = rng.random()
    if draw < 0.3:
        hu_SYX = ndimage.gaussian_filter(hu_SYX, (0, *[rng.uniform(0.35, 0.75) / pixel] * 2))
    elif draw < 0.5:  # a sharper kernel; bone is limited, so that its edge does not ring
        limited_SYX = np.clip(hu_SYX, -100, 250)
        blurred_SYX = ndimage.gaussian_filter(limited_SYX, (0, *[1.1 / pixel] * 2), truncate=2.5)
        hu_SYX = hu_SYX + np.float32(rng.uniform(0.2, 0.9)) * (limited_SYX - blurred_SYX)
    white_SYX = rng.standard_normal(hu_SYX.shape, dtype=np.float32)
    grain = rng.uniform(0.3, 0.9) / pixel
    noise_SYX = ndimage.gaussian_filter(white_SYX, (0, grain, grain), truncate=3.0)
    noise_SYX *= np.float32(rng.uniform(0, 3.2) / max(float(noise_SYX.std()), 1e-3))
    if rng.random() < 0.3:  # more in the middle, where rays lose most
        noise_SYX *= 0.6 + np.minimum(ground.depth_SYX / 60, 0.8)
    return replace(ground, hu_SYX=hu_SYX + noise_SYX * (ground.hu_SYX > -500))


def draw_offset(ground: Ground, rng: np.random.Generator) -> Ground:
    """What of a scanner's own scale is left after the series' shift to a common brain."""
    scale, offset = rng.normal(1, 0.035), rng.normal(0, 2.0)
    soft = np.clip((SOFT_TISSUE_HU - ground.hu_SYX) / 50, 0, 1) * (ground.hu_SYX > -200)
    middle = np.float32(ground.brain_hu)
    changed_SYX = (ground.hu_SYX - middle) * np.float32(scale - 1) + np.float32(offset)
    slow_SYX = np.float32(rng.uniform(0, 1.6)) * ground.noise(rng, 40.0)
    return replace(
        ground,
        hu_SYX=ground.hu_SYX
        + (soft * (np.clip(changed_SYX, -12, 12) + slow_SYX)).astype(np.float32),
    )


def _added(ground: Ground, added_SYX: Field) -> Ground:
    """HU added inside the skull."""
    inside_SYX = added_SYX.astype(np.float32) * ground.cavity_SYX
    return replace(ground, hu_SYX=ground.hu_SYX + inside_SYX)
