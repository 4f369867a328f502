"""One random head: all that is the same in every slice."""

from dataclasses import dataclass

import numpy as np

from ich_node.phantom.frame import Ellipsoid, Place
from ich_node.phantom.noise import Planar, Solid, planar, solid


@dataclass(frozen=True, kw_only=True)
class Skull:
    """The cavity is an egg-shaped half ellipsoid over a floor of three fossae; lengths in mm."""

    half_width: float
    half_length: float
    height: float  # of the dome above dome_base
    dome_base: float
    egg: float
    power: float
    thickness: float
    diploe: float  # 0: solid bone; 1: marrow as dark as its range goes
    cortex_hu: float
    scalp: float
    scalp_fat: float  # share of fat in the scalp
    asymmetry: float

    @property
    def top(self) -> float:
        return self.dome_base + self.height


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """HU of the healthy tissues, and how much of the brain is lost."""

    white: float
    grey: float
    csf: float
    blood_pool: float  # sinuses and vessels
    falx: float
    falx_mm: float
    atrophy: float
    white_disease: float  # HU lost around the ventricles
    posterior_rise: float  # beam hardening in the posterior fossa
    vertex_rise: float


@dataclass(frozen=True, kw_only=True)
class Calcification:
    shape: Ellipsoid
    hu: float


@dataclass(frozen=True, kw_only=True)
class Head:
    """Anatomy by seed."""

    skull: Skull
    tissue: Tissue
    ventricles_left: tuple[Ellipsoid, ...]
    ventricles_right: tuple[Ellipsoid, ...]
    ventricles_middle: tuple[Ellipsoid, ...]
    nuclei: tuple[Ellipsoid, ...]
    calcifications: tuple[Calcification, ...]
    lesions_dark: tuple[tuple[Ellipsoid, float], ...]
    sulci: Solid
    sulcus_mm: float  # half width
    sulcus_depth_mm: float
    texture: Planar
    patches: Planar
    coarse: Planar
    sinuses: tuple[Ellipsoid, ...]
    dental_metal: bool
    craniotomy: Ellipsoid | None


def draw_head(rng: np.random.Generator, *, operated: float = 0.03) -> Head:
    """A head of a random adult; `operated` of them have had a craniotomy."""
    atrophy = float(rng.beta(1.3, 2.0))
    skull = _draw_skull(rng)
    tissue = _draw_tissue(rng, atrophy)
    enlarge = rng.uniform(0.6, 1.1) + 0.75 * atrophy
    left = _lateral_ventricle(rng, enlarge * rng.uniform(0.92, 1.08))
    right = tuple(
        part.mirrored() for part in _lateral_ventricle(rng, enlarge * rng.uniform(0.92, 1.08))
    )
    return Head(
        skull=skull,
        tissue=tissue,
        ventricles_left=left,
        ventricles_right=right,
        ventricles_middle=(
            Ellipsoid(centre=(0, -2, 62), axes=(1.0 + 2.4 * enlarge * 0.7, 13, 12)),
            Ellipsoid(centre=(0, 22, 25), axes=(5.5 * enlarge**0.5, 4.5 * enlarge**0.5, 9)),
        ),
        nuclei=_nuclei(rng),
        calcifications=_draw_calcifications(rng, atria=(left[2], right[2]), skull=skull),
        lesions_dark=_draw_dark(rng, tissue),
        sulci=solid(rng, rng.uniform(3.7, 5.0)),
        sulcus_mm=rng.uniform(0.5, 1.0) + 1.2 * atrophy,
        sulcus_depth_mm=rng.uniform(13, 23),
        texture=planar(rng, 9.0),
        patches=planar(rng, 14.0),
        coarse=planar(rng, 32.0),
        sinuses=_air(rng),
        dental_metal=bool(rng.random() < 0.4),
        craniotomy=_draw_craniotomy(rng, skull) if rng.random() < operated else None,
    )


def _draw_skull(rng: np.random.Generator) -> Skull:
    half_width = rng.uniform(60, 72)
    return Skull(
        half_width=half_width,
        half_length=half_width * rng.uniform(1.12, 1.34),
        height=rng.uniform(70, 82),
        dome_base=rng.uniform(58, 66),
        egg=rng.uniform(0.02, 0.16),
        power=rng.uniform(2.0, 2.4),
        thickness=rng.uniform(4.0, 8.5),
        diploe=rng.uniform(0.1, 0.8),
        cortex_hu=rng.uniform(1000, 1700),
        scalp=rng.uniform(3.5, 8.0),
        scalp_fat=rng.uniform(0.3, 1.0),
        asymmetry=rng.normal(0, 0.015),
    )


def _draw_tissue(rng: np.random.Generator, atrophy: float) -> Tissue:
    white = 26.5 + rng.normal(0, 1.5)
    offset = rng.normal(0, 2.5)
    return Tissue(
        white=white + offset,
        grey=white + offset + rng.uniform(4.5, 9.5),
        csf=rng.uniform(2, 11) + offset * 0.5,
        blood_pool=rng.uniform(42, 66) + offset,
        falx=rng.uniform(42, 66) + offset,
        falx_mm=rng.uniform(1.0, 2.8),
        atrophy=atrophy,
        white_disease=rng.uniform(2, 8) if rng.random() < 0.15 + 0.4 * atrophy else 0.0,
        posterior_rise=rng.uniform(-2, 5),
        vertex_rise=max(0.0, rng.uniform(-8, 16)),
    )


def _lateral_ventricle(rng: np.random.Generator, size: float) -> tuple[Ellipsoid, ...]:
    """Frontal horn, body, atrium, occipital and temporal horn of the left side."""
    thin = size**1.2
    back = rng.uniform(0.5, 1.15)
    return (
        Ellipsoid(centre=(5.5 + 2.6 * thin, -27, 72), axes=(4.6 * thin, 13, 10 * size), yaw_deg=20),
        Ellipsoid(centre=(7 + 3 * thin, -2, 84), axes=(5.6 * thin, 30, 7.5 * size), yaw_deg=-6),
        Ellipsoid(centre=(22, 30, 70), axes=(6.0 * thin, 11 * size, 13), yaw_deg=-24),
        Ellipsoid(centre=(25, 48, 65), axes=(3.4 * thin * back, 16 * back, 7 * size), yaw_deg=-4),
        Ellipsoid(centre=(31, 2, 46), axes=(1.9 * thin, 14, 3.2 * thin), yaw_deg=10),
    )


def _nuclei(rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    wander = rng.normal(0, 0.8, 3)
    left = (
        Ellipsoid(centre=(14 + wander[0], -23, 73), axes=(4.2, 10, 10), yaw_deg=22),
        Ellipsoid(centre=(25 + wander[1], -6, 67), axes=(6.5, 16, 10), yaw_deg=-16),
        Ellipsoid(centre=(10.5 + wander[2], 8, 67), axes=(8, 14, 10), yaw_deg=-18),
    )
    return left + tuple(part.mirrored() for part in left)


def _draw_calcifications(
    rng: np.random.Generator, *, atria: tuple[Ellipsoid, Ellipsoid], skull: Skull
) -> tuple[Calcification, ...]:
    """The usual ones: choroid plexus, pineal gland, ganglia, falx, carotids; and a catheter or
    coil.
    """
    found: list[Calcification] = []

    def add(centre: Place, axes: Place, hu: float) -> None:
        found.append(Calcification(shape=Ellipsoid(centre=centre, axes=axes), hu=hu))

    for atrium in atria:
        if rng.random() < 0.6:
            x, y, z = atrium.centre
            r = rng.uniform(1.2, 4.0)
            add(
                (x + rng.normal(0, 1), y + rng.normal(0, 2), z + rng.normal(0, 3)),
                (r, r * 1.4, r * 1.3),
                rng.uniform(70, 500),
            )
    if rng.random() < 0.6:
        r = rng.uniform(1.2, 3.2)
        add((rng.normal(0, 0.7), 20 + rng.normal(0, 1.5), 62), (r, r, r), rng.uniform(80, 500))
    if rng.random() < 0.15:
        hu = rng.uniform(55, 200)
        for side in (-1, 1):
            add(
                (side * (21 + rng.normal(0, 1)), -5 + rng.normal(0, 2), 66),
                (2.5, 4.5, 3.5),
                hu * rng.uniform(0.8, 1.2),
            )
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            y = rng.uniform(-0.75, 0.5) * skull.half_length
            add(
                (rng.normal(0, 0.4), y, rng.uniform(90, 125)),
                (1.4, rng.uniform(3, 12), rng.uniform(3, 10)),
                rng.uniform(100, 700),
            )
    if rng.random() < 0.3:
        for side in (-1, 1):
            add((side * 12, -14 + rng.normal(0, 1), 47), (1.3, 2.5, 2.5), rng.uniform(150, 700))
    if rng.random() < 0.05:
        side = int(rng.choice([-1, 1]))
        add(
            (side * rng.uniform(15, 40), rng.uniform(-40, 20), rng.uniform(60, 95)),
            (1.4, 1.4, 40),
            rng.uniform(100, 800),
        )
    return tuple(found)


def _draw_dark(rng: np.random.Generator, tissue: Tissue) -> tuple[tuple[Ellipsoid, float], ...]:
    """Old and fresh infarcts."""
    if rng.random() > 0.3:
        return ()
    side = int(rng.choice([-1, 1]))
    centre = (side * rng.uniform(12, 50), rng.uniform(-55, 60), rng.uniform(45, 110))
    axes = [float(axis) for axis in np.exp(rng.uniform(np.log(4), np.log(26), 3))]
    fresh = rng.random() < 0.6
    hu = tissue.white - rng.uniform(4, 10) if fresh else tissue.csf + rng.uniform(0, 12)
    return (
        (
            Ellipsoid(
                centre=centre, axes=(axes[0], axes[1], axes[2]), yaw_deg=rng.uniform(-60, 60)
            ),
            hu,
        ),
    )


def _air(rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    """Frontal, ethmoid, sphenoid and maxillary sinuses, nasal cavity and pharynx."""
    size = rng.uniform(0.75, 1.2, 4)
    return (
        Ellipsoid(centre=(8, -78, 42), axes=(14 * size[0], 5 * size[0], 12)),
        Ellipsoid(centre=(-9, -78, 40), axes=(12 * size[0], 5 * size[0], 12)),
        Ellipsoid(centre=(0, -54, 26), axes=(9 * size[1], 20, 13)),
        Ellipsoid(centre=(4, -26, 27), axes=(11 * size[2], 10, 9)),
        Ellipsoid(centre=(29, -54, 2), axes=(13 * size[3], 14, 16)),
        Ellipsoid(centre=(-29, -54, 2), axes=(13 * size[3], 14, 16)),
        Ellipsoid(centre=(0, -56, -4), axes=(5, 22, 22)),
        Ellipsoid(centre=(0, -16, -28), axes=(9, 7, 30)),
    )


def _draw_craniotomy(rng: np.random.Generator, skull: Skull) -> Ellipsoid:
    side = int(rng.choice([-1, 1]))
    centre = (side * skull.half_width * 0.9, rng.uniform(-35, 25), rng.uniform(75, 105))
    radius = rng.uniform(18, 38)
    return Ellipsoid(centre=centre, axes=(radius, radius, radius))
