"""Blood between skull and brain: the extradural lens and the subdural crescent, of every age."""

from dataclasses import dataclass, replace

import numpy as np

from ich_node.phantom.bleeds import BleedKind
from training.drawn.displace import pressed
from training.drawn.ground import Ground
from training.drawn.noise import Field
from training.drawn.paint import (
    LEAST_SHARE,
    Painted,
    blood_hu,
    edge_mm,
    log_uniform,
    mixed,
    random_place,
    texture,
)

BASE_SOLID = 0.93  # a slice with a smaller share of its outline filled shows petrous bone
OLD_FROM_MM = 6.0  # thinner subacute and chronic collections cannot be told from cortex


@dataclass(frozen=True, kw_only=True)
class CollectionRange:
    """Thickness and half length along the inner table in mm."""

    thickness_mm: tuple[float, float]
    reach_mm: tuple[float, float]
    hu: tuple[float, float]  # fresh; old parts are lower


LENS = {
    "small": CollectionRange(thickness_mm=(2.2, 6.0), reach_mm=(8.0, 22.0), hu=(48.0, 72.0)),
    "any": CollectionRange(thickness_mm=(2.5, 24.0), reach_mm=(10.0, 45.0), hu=(44.0, 72.0)),
}
CRESCENT = {
    "small": CollectionRange(thickness_mm=(2.0, 4.5), reach_mm=(22.0, 60.0), hu=(52.0, 77.0)),
    "any": CollectionRange(thickness_mm=(2.0, 15.0), reach_mm=(28.0, 95.0), hu=(52.0, 77.0)),
}
AGES = {"acute": 0.68, "mixed": 0.12, "subacute": 0.08, "chronic": 0.12}


def draw_extradural(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """A lens; None if no inner table is there."""
    values = LENS[size]
    thickness = log_uniform(rng, *values.thickness_mm)
    reach = float(np.clip(rng.uniform(1.7, 4.5) * thickness + 4, *values.reach_mm))
    place = _table_place(ground, rng)
    if place is None:
        return None
    along_SYX = _along(ground, place) / np.float32(reach)
    bulge = rng.uniform(0.7, 1.2)
    profile_SYX = np.clip(1 - along_SYX**2, 0, 1) ** np.float32(bulge)
    wander_SYX = 1 + np.float32(0.06) * ground.noise(rng, 8.0)
    hu = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    texture_SYX = texture(rng, ground, (2.5, 7.0))
    texture_SYX = texture_SYX - _swirl(ground, rng)
    return _collected(
        ground,
        rng,
        (np.float32(thickness) * profile_SYX * wander_SYX).astype(np.float32),
        hu + texture_SYX,
        kind="EDH",
        fresh=True,
    )


def draw_subdural(ground: Ground, rng: np.random.Generator, *, size: str) -> Painted | None:
    """A crescent along the convexity; None if no inner table is there."""
    values = CRESCENT[size]
    age = str(rng.choice(list(AGES), p=list(AGES.values())))
    thickness = log_uniform(rng, *values.thickness_mm)
    if age in ("subacute", "chronic"):
        thickness = max(thickness, rng.uniform(OLD_FROM_MM, 1.6 * OLD_FROM_MM))
    place = _table_place(ground, rng)
    if place is None:
        return None
    along_SYX = _along(ground, place) / np.float32(rng.uniform(*values.reach_mm))
    profile_SYX = np.clip(1 - along_SYX ** np.float32(rng.uniform(2.5, 5.0)), 0, 1)
    wander_SYX = 1 + np.float32(rng.uniform(0.05, 0.22)) * ground.noise(rng, 11.0)
    thickness_SYX = (np.float32(thickness) * profile_SYX * wander_SYX).astype(np.float32)
    thickness_SYX *= _one_side(ground, place) * ground.vault_SYX
    old = age in ("subacute", "chronic")
    if old and float(thickness_SYX.max()) < OLD_FROM_MM:
        return None  # a thin end of it, which cannot be told from cortex
    return _collected(
        ground,
        rng,
        thickness_SYX,
        _age_hu(ground, rng, age, place, values, thickness_SYX),
        kind="SDH",
        fresh=not old,
    )


def _table_place(ground: Ground, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """A voxel under the vault, in a slice whose cavity is wide enough to be brain."""
    wide_S = ground.area_cm2_S > 20
    near_SYX = (ground.vault_SYX > 0.7) & (ground.depth_SYX > 0.5) & (ground.depth_SYX < 2.5)
    place = random_place(rng, near_SYX & wide_S[:, None, None])
    if place is None:
        return None
    # the thickest part may lie between or beyond the slices that are there
    return place[0] + rng.uniform(-1, 1) * 6.0 / ground.spacing[0], place[1], place[2]


def _along(ground: Ground, place: tuple[float, float, float]) -> Field:
    """mm from the place along the table: the straight distance less the depth."""
    z, y, x = ground.away_mm(place)
    square_SYX = z**2 + y**2 + x**2 - ground.depth_SYX**2
    along_SYX: Field = np.sqrt(np.maximum(square_SYX, 0))
    return along_SYX


def _one_side(ground: Ground, place: tuple[float, float, float]) -> Field:
    """1 on the place's side of falx and tentorium, which a subdural collection does not cross. In
    slices where the petrous bones stand in, what is behind them is taken as below the tentorium.
    """
    pixel = ground.spacing[1]
    _, rows, columns = np.ogrid[tuple(slice(length) for length in ground.hu_SYX.shape)]
    row, column = round(place[1]), round(place[2])
    index = min(max(round(place[0]), 0), len(ground.hu_SYX) - 1)
    across_YX = ground.midline.across_mm(rows[0], columns[0], pixel)
    same_YX = np.clip(np.sign(across_YX[row, column]) * across_YX / 4, 0, 1)
    behind_YX = np.clip(ground.midline.along_mm(rows[0], columns[0], pixel) / 8 + 0.5, 0, 1)
    base_S = (ground.solid_S < BASE_SOLID)[:, None, None]
    below_SYX = np.where(base_S, behind_YX[None], 0)
    same_SYX = below_SYX if below_SYX[index, row, column] > 0.5 else 1 - below_SYX
    sides_SYX: Field = (same_YX[None] * same_SYX).astype(np.float32)
    return sides_SYX


def _age_hu(
    ground: Ground,
    rng: np.random.Generator,
    age: str,
    place: tuple[float, float, float],
    values: CollectionRange,
    thickness_SYX: Field,
) -> Field:
    """Density by age: clot darkens by about 1.5 HU a day, is that of brain after one to three
    weeks and that of fluid with protein afterwards; cells of a fresh bleed sink to the back.
    """
    texture_SYX = texture(rng, ground, (2.5, 7.0) if age in ("acute", "mixed") else (1.0, 3.0))
    fresh = blood_hu(rng, ground, low=values.hu[0], high=values.hu[1])
    if age == "acute":
        return fresh + texture_SYX - _swirl(ground, rng)
    brain = ground.brain_hu
    if age == "subacute":
        return np.float32(brain + rng.uniform(6, 13)) + texture_SYX
    old = brain - rng.uniform(6, 17)
    inside_SYX = ground.cavity_SYX & (ground.depth_SYX < thickness_SYX)
    rows = np.nonzero(inside_SYX)[1]
    middle = np.quantile(rows, rng.uniform(0.3, 0.8)) if len(rows) else place[1]
    _, y, _ = ground.away_mm((0, float(middle), 0))
    sharp = rng.uniform(1.0, 12.0)
    sunk_SYX = np.clip((y + 4 * ground.noise(rng, 14.0)) / np.float32(sharp) + 0.5, 0, 1)
    if age == "mixed":
        return np.float32(old) + np.float32(fresh - old) * sunk_SYX + texture_SYX
    hu_SYX = np.float32(old) + np.float32(rng.uniform(0, 20)) * sunk_SYX + texture_SYX
    septa_SYX = np.clip(1 - np.abs(ground.noise(rng, 9.0)) / np.float32(0.12), 0, 1)
    inner_SYX = np.clip(1 - np.abs(thickness_SYX - ground.depth_SYX) / np.float32(1.0), 0, 1)
    membranes_SYX = np.maximum(septa_SYX * np.float32(rng.random() < 0.5), inner_SYX * 0.6)
    return (hu_SYX + membranes_SYX * np.float32(rng.uniform(4, 22))).astype(np.float32)


def _swirl(ground: Ground, rng: np.random.Generator) -> Field:
    """HU by which blood that is still liquid is darker than clot; often none is."""
    dark = rng.uniform(6, 24) if rng.random() < 0.3 else 0.0
    liquid_SYX: Field = np.clip(ground.noise(rng, rng.uniform(3.0, 7.0)) - 0.7, 0, 1)
    return liquid_SYX * np.float32(dark)


def _collected(
    ground: Ground,
    rng: np.random.Generator,
    thickness_SYX: Field,
    hu_SYX: Field,
    *,
    kind: BleedKind,
    fresh: bool,
) -> Painted:
    """The brain under it is pressed, more by thick collections; the blood lies in the gap."""
    thickness_SYX = thickness_SYX * ground.vault_SYX
    most = float(thickness_SYX.max())
    brain = pressed(ground, thickness_SYX, reach_mm=min(12 + 4.5 * most, 60.0))
    share_SYX = ground.softened(
        np.clip((thickness_SYX - ground.depth_SYX) / np.float32(0.9) + 0.5, 0, 1)
        * (thickness_SYX > 0.6),
        edge_mm(rng, most),
    )
    # the bone's partial volume at the table stays
    wet = mixed(brain, share_SYX, hu_SYX.astype(np.float32))
    table_SYX = ground.cavity_SYX & (ground.depth_SYX < 1.0)
    wet = replace(
        wet,
        hu_SYX=np.where(table_SYX, np.maximum(wet.hu_SYX, ground.hu_SYX), wet.hu_SYX),
    )
    return Painted(
        ground=wet,
        mask_SYX=(share_SYX >= LEAST_SHARE)
        & ground.cavity_SYX
        & (thickness_SYX > 0.6)
        & (wet.hu_SYX != ground.hu_SYX),
        kind=kind,
        fresh=fresh,
    )
