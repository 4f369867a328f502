"""Atrophy, calcifications, dense vessels and sinuses, dense bone inside the skull."""

from dataclasses import dataclass, replace

import numpy as np

from training.drawn.displace import pressed
from training.drawn.ground import FLUID_HU, Ground
from training.drawn.noise import Field
from training.drawn.paint import log_uniform, mixed, random_place
from training.drawn.sulcus import drawn_sulci


def draw_atrophy(ground: Ground, rng: np.random.Generator) -> Ground:
    """Fluid under the inner table, about as wide on both sides; the cortex stays, moved inwards,
    and the sulci are wider.
    """
    width = np.float32(log_uniform(rng, 0.6, 4.5))
    front = np.clip(1 - ground.away_mm((0, ground.midline.row, 0))[1] / np.float32(75), 0.3, 1.6)
    uneven_SYX = 1 + 0.35 * ground.noise(rng, 30.0) + 0.3 * ground.noise(rng, 8.0)
    thickness_SYX = width * np.clip(uneven_SYX, 0, 2) * (front if rng.random() < 0.6 else 1)
    thickness_SYX = (thickness_SYX * ground.vault_SYX).astype(np.float32)
    brain = pressed(ground, thickness_SYX, reach_mm=float(14 + 5 * width))
    sulci_SYX = drawn_sulci(
        brain,
        rng,
        places_SYX=brain.vault_SYX > 0.7,
        count=int(rng.integers(4, 26)) * len(brain.hu_SYX),
        length_mm=(4, 8 + 3 * float(width)),
        width_mm=(0.5, 0.8 + 0.4 * float(width)),
    )
    wider = np.float32(rng.uniform(0, 0.8))
    real_SYX = np.clip(brain.fluid_SYX * (1 + wider), 0, 1) * (brain.fluid_SYX > 0.05)
    layer_SYX = np.clip(thickness_SYX - brain.depth_SYX + 0.5, 0, 1) * (thickness_SYX > 0.5)
    share_SYX = np.maximum(np.maximum(layer_SYX, sulci_SYX), real_SYX).astype(np.float32)
    fluid = np.float32(FLUID_HU + rng.uniform(-2, 8))
    return mixed(brain, brain.softened(share_SYX, rng.uniform(0.5, 1.1)), fluid)


def draw_hygroma(ground: Ground, rng: np.random.Generator) -> Ground:
    """Fluid under the inner table of one side."""
    place = random_place(rng, ground.cavity_SYX & (ground.depth_SYX < 2))
    if place is None:
        return ground
    z, y, x = ground.away_mm(place)
    along_SYX = np.sqrt(z**2 + y**2 + x**2) / np.float32(rng.uniform(30, 80))
    thickness_SYX = np.float32(rng.uniform(2.5, 11)) * np.clip(1 - along_SYX**3, 0, 1)
    thickness_SYX = (thickness_SYX * (1 + 0.12 * ground.noise(rng, 10.0))).astype(np.float32)
    thickness_SYX *= ground.vault_SYX
    brain = pressed(ground, thickness_SYX, reach_mm=45.0)
    share_SYX = np.clip(thickness_SYX - brain.depth_SYX + 0.5, 0, 1) * (thickness_SYX > 0.6)
    fluid = np.float32(FLUID_HU + rng.uniform(-3, 8))
    return mixed(brain, brain.softened(share_SYX, 0.5), fluid)


def draw_calcifications(ground: Ground, rng: np.random.Generator) -> Ground:
    """Small and mostly denser than blood, or as dense where they fill a voxel in part; each kind in
    slices that can show it.
    """
    base_S = (ground.solid_S < 0.95) | (ground.air_cm2_S > 2)
    brain_S = (ground.area_cm2_S > 90) & ~base_S
    index = int(rng.integers(len(base_S)))
    if base_S[index]:
        places = _near_base(rng)
    elif brain_S[index]:
        places = _near_ventricles(rng) if rng.random() < 0.6 else _on_falx(ground, rng)
    else:
        places = _on_falx(ground, rng)
    for spot in places:
        row, column = ground.midline.place(spot.along_mm, spot.across_mm, ground.spacing[1])
        place = (index + rng.uniform(-0.4, 0.4), row, column)
        ground = _spot(ground, rng, place, spot.radius_mm, spot.hu)
    return ground


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Along the midline towards the back, and across it, from the middle of the head."""

    along_mm: float
    across_mm: float
    radius_mm: float
    hu: float


def _pair(
    rng: np.random.Generator,
    *,
    along_mm: float,
    across_mm: float,
    radius_mm: tuple[float, float],
    hu: tuple[float, float],
) -> list[Spot]:
    """Left and right, much alike."""
    dense = rng.uniform(*hu)
    return [
        Spot(
            along_mm=along_mm + rng.normal(0, 1.5),
            across_mm=side * across_mm + rng.normal(0, 1.0),
            radius_mm=rng.uniform(*radius_mm),
            hu=dense * rng.uniform(0.7, 1.2),
        )
        for side in (-1, 1)
        if rng.random() < 0.85
    ]


def _near_base(rng: np.random.Generator) -> list[Spot]:
    """Carotid siphons, clinoids, and dense bone that a slice shows in part."""
    return _pair(
        rng,
        along_mm=rng.uniform(-24, 0),
        across_mm=rng.uniform(7, 17),
        radius_mm=(0.8, 3.0),
        hu=(80, 700),
    )


def _near_ventricles(rng: np.random.Generator) -> list[Spot]:
    """Pineal gland and habenula, choroid plexus of both atria, globus pallidus."""
    spots = []
    if rng.random() < 0.6:
        spots.append(
            Spot(
                along_mm=rng.uniform(6, 18),
                across_mm=rng.normal(0, 1.0),
                radius_mm=rng.uniform(0.9, 3.2),
                hu=rng.uniform(70, 450),
            )
        )
    if rng.random() < 0.5:
        aside = rng.uniform(15, 27)
        spots += _pair(
            rng,
            along_mm=rng.uniform(16, 32),
            across_mm=aside,
            radius_mm=(0.8, 3.4),
            hu=(80, 420),
        )
    if rng.random() < 0.25:
        aside = rng.uniform(15, 22)
        spots += _pair(
            rng,
            along_mm=rng.uniform(-16, -4),
            across_mm=aside,
            radius_mm=(1.2, 3.8),
            hu=(65, 180),
        )
    return spots


def _on_falx(ground: Ground, rng: np.random.Generator) -> list[Spot]:
    """A row of plates."""
    start = rng.uniform(-ground.midline.front_mm + 6, ground.midline.back_mm - 8)
    return [
        Spot(
            along_mm=start + 3.2 * step,
            across_mm=rng.normal(0, 0.5),
            radius_mm=rng.uniform(0.7, 1.8),
            hu=rng.uniform(80, 450),
        )
        for step in range(int(rng.integers(1, 5)))
    ]


def draw_dense_vessels(ground: Ground, rng: np.random.Generator) -> Ground:
    """Sinuses and arteries of a patient with much haemoglobin, the falx, the tentorium."""
    line, pixel = ground.midline, ground.spacing[1]
    over = rng.uniform(6, 24)
    hu = np.float32(ground.brain_hu + over)
    _, rows, columns = np.ogrid[tuple(slice(length) for length in ground.hu_SYX.shape)]
    across_YX = line.across_mm(rows[0], columns[0], pixel)
    along_YX = line.along_mm(rows[0], columns[0], pixel)
    bend_SYX = np.abs(across_YX[None] + np.float32(0.8) * ground.noise(rng, 25.0))
    width = rng.uniform(0.8, 1.9)  # a wider one is blood
    falx_SYX = np.clip(np.float32(width / 2) - bend_SYX + 0.5, 0, 1)
    reach = rng.uniform(5, 45)
    back_YX = np.clip((along_YX - np.float32(line.back_mm - reach)) / 3, 0, 1)
    front_YX = np.clip((np.float32(reach - line.front_mm) - along_YX) / 3, 0, 1)
    ends_YX = back_YX if rng.random() < 0.5 else np.maximum(back_YX, front_YX)
    # the sagittal sinus: a triangle at the back, under the inner table
    wide_SYX = np.float32(rng.uniform(2, 7)) - np.float32(0.8) * ground.depth_SYX
    sinus_SYX = np.clip(wide_SYX - bend_SYX + 0.5, 0, 1) * (along_YX > 0.7 * line.back_mm)
    share_SYX = np.maximum(falx_SYX * ends_YX * np.float32(rng.uniform(0.5, 1)), sinus_SYX)
    ground = mixed(ground, ground.softened(share_SYX.astype(np.float32), 0.5), hu)
    for _ in range(int(rng.integers(0, 3))):  # an artery in its cistern
        place = random_place(rng, (ground.fluid_SYX > 0.4) & (ground.depth_SYX > 8))
        if place is not None:
            ground = _spot(ground, rng, place, rng.uniform(0.8, 1.8), float(hu), long=3.0)
    return ground


def _spot(
    ground: Ground,
    rng: np.random.Generator,
    place: tuple[float, float, float],
    radius_mm: float,
    hu: float,
    long: float = 1.6,
) -> Ground:
    """A small dense ellipsoid."""
    z, y, x = ground.away_mm(place)
    turn, stretch = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1.0, long))
    along = (np.cos(turn) * y + np.sin(turn) * x) / stretch
    across = (np.cos(turn) * x - np.sin(turn) * y) * stretch
    half_mm = max(radius_mm, ground.spacing[0] / 2)
    away_SYX = np.sqrt((z * np.float32(radius_mm / half_mm)) ** 2 + along**2 + across**2)
    share_SYX: Field = np.clip(np.float32(radius_mm) - away_SYX + 0.5, 0, 1).astype(np.float32)
    share_SYX = share_SYX * (ground.depth_SYX > 0)
    drawn_SYX = ground.hu_SYX + ground.softened(share_SYX, 0.5) * (np.float32(hu) - ground.hu_SYX)
    return replace(ground, hu_SYX=np.maximum(drawn_SYX, ground.hu_SYX))
