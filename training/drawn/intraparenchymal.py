"""Blood in the brain: a clot with edema, or a contusion of many small ones in cortex."""

from dataclasses import dataclass

import numpy as np

from training.drawn.displace import pushed
from training.drawn.ground import Ground
from training.drawn.noise import Field
from training.drawn.paint import (
    Painted,
    blood_hu,
    blood_mask,
    edge_mm,
    log_uniform,
    mixed,
    random_place,
    texture,
)

PUSHES_FROM_MM = 5.0


@dataclass(frozen=True, kw_only=True)
class ParenchymalRange:
    """Radius in mm, density in HU."""

    radius_mm: tuple[float, float]
    hu: tuple[float, float] = (50.0, 74.0)
    edema_hu: tuple[float, float] = (3.0, 15.0)  # below brain; contusions 6 to 15
    edema_mm: tuple[float, float] = (2.0, 9.0)


SIZES = {
    "small": ParenchymalRange(radius_mm=(2.0, 5.0)),
    "any": ParenchymalRange(radius_mm=(2.0, 24.0)),
}
CONTUSION_SHARE = 0.45


def draw_intraparenchymal(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """None if there is no brain deep enough under the skull."""
    values = SIZES[size]
    radius = log_uniform(rng, *values.radius_mm)
    if rng.random() < CONTUSION_SHARE:
        return _contusion(ground, rng, values=values, radius_mm=min(radius, 14.0))
    place = random_place(rng, _brain(ground, least_mm=min(3.0 + 0.6 * radius, 16.0)))
    if place is None:
        return None
    if radius > PUSHES_FROM_MM:
        ground = pushed(ground, place, radius_mm=0.8 * radius, reach_mm=8 + 1.2 * radius)
    surface_SYX = _ball(ground, rng, place, radius)
    if rng.random() < 0.25:  # a second lobe beside it
        other = _near(rng, ground, place, 1.1 * radius)
        surface_SYX = np.maximum(
            surface_SYX, _ball(ground, rng, other, radius * rng.uniform(0.4, 0.9))
        )
    return _bled(ground, rng, surface_SYX, values=values, size_mm=radius, edema=rng.random() < 0.75)


def _contusion(
    ground: Ground, rng: np.random.Generator, *, values: ParenchymalRange, radius_mm: float
) -> Painted | None:
    """Some small bleeds close to each other under the inner table, mottled."""
    near_SYX = _brain(ground, least_mm=2.5) & (ground.depth_SYX < 5 + 0.7 * radius_mm)
    place = random_place(rng, near_SYX)
    if place is None:
        return None
    surface_SYX = _ball(ground, rng, place, radius_mm * rng.uniform(0.6, 1.0))
    for _ in range(int(rng.integers(0, 6))):
        radius = max(1.8, radius_mm * rng.uniform(0.2, 0.7))
        other = _near(rng, ground, place, 1.6 * radius_mm)
        surface_SYX = np.maximum(surface_SYX, _ball(ground, rng, other, radius))
    return _bled(
        ground,
        rng,
        surface_SYX,
        values=values,
        size_mm=radius_mm,
        edema=True,
        mottle=rng.uniform(0.15, 0.5),
    )


def _brain(ground: Ground, *, least_mm: float) -> np.ndarray:
    """Voxels that are brain tissue and that deep under the inner table."""
    return (
        ground.cavity_SYX
        & (ground.depth_SYX > least_mm)
        & (ground.fluid_SYX < 0.3)
        & (ground.smooth_SYX < ground.brain_hu + 20)
    )


def _near(
    rng: np.random.Generator, ground: Ground, place: tuple[float, float, float], reach_mm: float
) -> tuple[float, float, float]:
    steps = rng.normal(0, 0.6 * reach_mm, 3) / ground.spacing
    return place[0] + steps[0], place[1] + steps[1], place[2] + steps[2]


def _ball(
    ground: Ground, rng: np.random.Generator, place: tuple[float, float, float], radius_mm: float
) -> Field:
    """mm inside a lobed ellipsoid (negative outside). Its middle may lie between two slices."""
    z, y, x = ground.away_mm(place)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.5)
    z = z + np.float32(rng.uniform(-0.8, 0.8) * min(radius_mm, ground.spacing[0] / 2))
    along = (np.cos(turn) * y + np.sin(turn) * x) / stretch
    across = (np.cos(turn) * x - np.sin(turn) * y) * stretch
    away_SYX = np.sqrt((z / rng.uniform(0.8, 1.3)) ** 2 + along**2 + across**2)
    lobes = 0.16 * ground.noise(rng, max(2.0, 0.5 * radius_mm)) + 0.08 * ground.noise(
        rng, max(1.5, 0.2 * radius_mm)
    )
    surface_SYX: Field = np.float32(radius_mm) * (1 + lobes.astype(np.float32)) - away_SYX
    return surface_SYX.astype(np.float32)


def _bled(
    ground: Ground,
    rng: np.random.Generator,
    surface_SYX: Field,
    *,
    values: ParenchymalRange,
    size_mm: float,
    edema: bool,
    mottle: float = 0.0,
) -> Painted:
    dry = ground
    if edema:
        reach_mm, dark = rng.uniform(*values.edema_mm), rng.uniform(*values.edema_hu)
        uneven_SYX = surface_SYX + np.float32(0.3 * reach_mm) * ground.noise(rng, 4.0)
        rim_SYX = np.clip(1 + uneven_SYX / np.float32(reach_mm), 0, 1) * (1 - ground.fluid_SYX)
        dry = mixed(ground, rim_SYX * np.float32(dark / 25), np.float32(ground.brain_hu - 25))
    hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    over = hu - ground.brain_hu
    texture_SYX = texture(rng, ground) / np.float32(over)
    if mottle:
        texture_SYX += np.float32(mottle) * np.minimum(ground.noise(rng, 2.0), 0)
    share_SYX = ground.softened(
        np.clip(surface_SYX / np.float32(0.9) + 0.5, 0, 1), edge_mm(rng, size_mm)
    ) * (ground.depth_SYX > 0.5)
    wet = mixed(dry, share_SYX, (ground.brain_hu + over * (1 + texture_SYX)).astype(np.float32))
    return Painted(ground=wet, mask_SYX=blood_mask(dry, wet, share_SYX), kind="IPH")
