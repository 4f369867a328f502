"""Atrophy, calcifications, dense vessels and sinuses, dense bone inside the skull."""

from dataclasses import replace

import numpy as np

from training.drawn.displace import pressed
from training.drawn.ground import FLUID_HU, Ground
from training.drawn.noise import Field
from training.drawn.paint import mixed, random_place


def draw_atrophy(ground: Ground, rng: np.random.Generator) -> Ground:
    """Fluid under the inner table, about as wide on both sides; the cortex stays, moved inwards,
    and the sulci are wider.
    """
    width = np.float32(rng.uniform(1.0, 6.5))
    thickness_SYX = width * np.clip(
        1 + 0.45 * ground.noise(rng, 22.0) + 0.35 * ground.noise(rng, 7.0), 0, 2.2
    ).astype(np.float32)
    if rng.random() < 0.5:  # more in front
        _, y, _ = ground.away_mm((0, ground.midline.row, 0))
        thickness_SYX *= np.clip(0.7 - y / np.float32(80), 0.15, 1.5)
    brain = pressed(ground, thickness_SYX, reach_mm=float(14 + 5 * width))
    fluid = np.float32(FLUID_HU + rng.uniform(-2, 7))
    wider = np.float32(rng.uniform(0, 0.9))
    sulci_SYX = np.clip(brain.fluid_SYX * (1 + wider) + wider * (brain.fluid_SYX > 0.1) * 0.3, 0, 1)
    share_SYX = np.maximum(
        np.clip(thickness_SYX - brain.depth_SYX + 0.5, 0, 1) * (brain.depth_SYX > 0.9),
        sulci_SYX * (brain.fluid_SYX > 0.05),
    )
    share_SYX = brain.softened(share_SYX.astype(np.float32), 0.5)
    return mixed(brain, share_SYX, fluid)


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
    """Of falx, choroid plexus, pineal gland, ganglia, carotids and clinoids: small and mostly
    denser than blood, or as dense where they fill a voxel in part.
    """
    line, pixel = ground.midline, ground.spacing[1]
    index = int(rng.integers(len(ground.hu_SYX)))
    places: list[tuple[float, float, float, float]] = []  # along, across, radius in mm, HU

    def add(along: float, across: float, radius: float, hu: float) -> None:
        places.append((along, across, radius, hu))

    if rng.random() < 0.5:  # falx: a row of plates
        start = rng.uniform(-line.front_mm + 6, line.back_mm - 8)
        for step in range(int(rng.integers(1, 5))):
            add(start + 3.5 * step, rng.normal(0, 0.5), rng.uniform(0.7, 1.9), rng.uniform(90, 500))
    if rng.random() < 0.4:  # pineal gland, habenula
        add(rng.uniform(4, 18), rng.normal(0, 1.0), rng.uniform(0.9, 3.2), rng.uniform(70, 450))
    if rng.random() < 0.4:  # choroid plexus of both atria
        along, aside = rng.uniform(14, 34), rng.uniform(14, 27)
        for side in (-1, 1):
            radius = rng.uniform(0.8, 3.6)
            add(along + rng.normal(0, 2), side * aside, radius, rng.uniform(60, 420))
    if rng.random() < 0.25:  # globus pallidus
        along, aside, hu = rng.uniform(-18, -4), rng.uniform(15, 22), rng.uniform(48, 160)
        for side in (-1, 1):
            add(along, side * aside, rng.uniform(1.2, 4.0), hu * rng.uniform(0.7, 1.1))
    if rng.random() < 0.35:  # carotid siphons, clinoids
        along, aside = rng.uniform(-22, 0), rng.uniform(7, 17)
        for side in (-1, 1):
            add(
                along + rng.normal(0, 1.5),
                side * aside,
                rng.uniform(0.8, 2.6),
                rng.uniform(80, 700),
            )
    for along, across, radius, hu in places:
        row, column = line.place(along, across, pixel)
        ground = _spot(ground, rng, (index + rng.uniform(-0.4, 0.4), row, column), radius, hu)
    return ground


def draw_dense_vessels(ground: Ground, rng: np.random.Generator) -> Ground:
    """Sinuses and arteries of a patient with much haemoglobin, the falx, the tentorium."""
    line, pixel = ground.midline, ground.spacing[1]
    over = rng.uniform(6, 26)
    hu = np.float32(ground.brain_hu + over)
    _, rows, columns = np.ogrid[tuple(slice(length) for length in ground.hu_SYX.shape)]
    across_YX = line.across_mm(rows[0], columns[0], pixel)
    along_YX = line.along_mm(rows[0], columns[0], pixel)
    bend_SYX = np.abs(across_YX[None] + np.float32(0.8) * ground.noise(rng, 25.0))
    width = rng.uniform(0.8, 2.6)
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
