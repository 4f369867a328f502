"""Random bleeds that fit into a head."""

import numpy as np

from ich_node.phantom.bleeds import (
    LEAST_CONTRAST_HU,
    BleedKind,
    Collection,
    Interhemispheric,
    Intraparenchymal,
    Intraventricular,
    Lesion,
    Subarachnoid,
)
from ich_node.phantom.frame import Ellipsoid, Place
from ich_node.phantom.head import Head

CHRONIC_AGE = 0.7  # older subdurals (0..1) are chronic
THICK_MM = 13.0


def draw_bleed(
    kind: BleedKind, *, rng: np.random.Generator, head: Head, clear: bool = False
) -> Lesion:
    """A bleed of a kind. clear: dense and large enough that a person sees it at once."""
    hu = _fresh_hu(rng, head, clear)
    if kind == "IPH":
        return _intraparenchymal(rng, head=head, hu=hu, clear=clear)
    if kind == "IVH":
        return _intraventricular(rng, hu, clear)
    if kind == "SAH":
        return _subarachnoid(rng, head=head, hu=hu, clear=clear)
    if kind == "SDH":
        return _subdural(rng, head=head, hu=hu, clear=clear)
    return _lens(rng, head=head, hu=hu, clear=clear)


def draw_hygroma(rng: np.random.Generator, head: Head) -> Lesion:
    """A subdural collection of clear fluid: no bleed."""
    return Collection(
        centre=_on_table(rng, head, (75, 108)),
        thickness_mm=rng.uniform(3, 11),
        reach_mm=rng.uniform(45, 90),
        lens=False,
        hu=head.tissue.csf + rng.uniform(0, 4),
        old_hu=head.tissue.csf + rng.uniform(0, 4),
        shift_mm=0.0,
        seed_mm=rng.uniform(0, 60),
        kind=None,
    )


def draw_operated(rng: np.random.Generator, head: Head) -> Lesion:
    """A collection under the flap of a craniotomy: often dark, sometimes fresh blood."""
    assert head.craniotomy is not None
    bloody = rng.random() < 0.6
    hu = rng.uniform(40, 70) if bloody else rng.uniform(8, 24)
    return Collection(
        centre=head.craniotomy.centre,
        thickness_mm=rng.uniform(4, 14),
        reach_mm=head.craniotomy.axes[0] * rng.uniform(1.0, 1.3),
        lens=True,
        hu=hu,
        old_hu=rng.uniform(10, 24),
        shift_mm=rng.uniform(0, 5),
        seed_mm=rng.uniform(0, 60),
        kind="EDH" if bloody else None,
    )


def _fresh_hu(rng: np.random.Generator, head: Head, clear: bool) -> float:
    """52 to 82 HU, a fifth fainter (44 to 58); at least LEAST_CONTRAST_HU over grey matter."""
    if clear:
        hu = rng.uniform(62, 80)
    elif rng.random() < 0.2:
        hu = rng.uniform(44, 58)
    else:
        hu = rng.uniform(52, 82)
    return float(max(hu, head.tissue.grey + (LEAST_CONTRAST_HU + 12 * clear)))


def _in_brain(
    rng: np.random.Generator,
    head: Head,
    *,
    depth: tuple[float, float],
    levels: tuple[float, float],
) -> Place:
    """depth: share of the way from the middle to the inner table."""
    skull = head.skull
    z = rng.uniform(*levels)
    dome = np.sqrt(max(0.05, 1 - (max(0.0, z - skull.dome_base) / skull.height) ** 2))
    angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(*depth) * dome
    return (
        float(out * skull.half_width * np.cos(angle)),
        float(out * skull.half_length * np.sin(angle)),
        float(z),
    )


def _on_table(rng: np.random.Generator, head: Head, levels: tuple[float, float]) -> Place:
    """A place on the inner table, towards one side."""
    skull = head.skull
    z = rng.uniform(*levels)
    dome = np.sqrt(max(0.05, 1 - (max(0.0, z - skull.dome_base) / skull.height) ** 2))
    angle = np.deg2rad(rng.uniform(-55, 55))
    side = int(rng.choice([-1, 1]))
    return (
        float(side * skull.half_width * np.cos(angle) * dome),
        float(skull.half_length * np.sin(angle) * dome),
        float(z),
    )


def _intraparenchymal(
    rng: np.random.Generator, *, head: Head, hu: float, clear: bool
) -> Intraparenchymal:
    where = rng.random()
    if where < 0.45:  # ganglia and thalamus
        side = int(rng.choice([-1, 1]))
        centre: Place = (
            float(side * rng.uniform(9, 32)),
            rng.uniform(-18, 16),
            rng.uniform(60, 76),
        )
    elif where < 0.88:
        centre = _in_brain(rng, head, depth=(0.35, 0.8), levels=(50, 112))
    else:  # cerebellum and pons
        centre = (rng.uniform(-30, 30), rng.uniform(10, 60), rng.uniform(18, 36))
    radius = float(
        np.exp(rng.uniform(np.log(9.0 if clear else 3.0), np.log(19.0 if clear else 24.0)))
    )
    axes = [float(radius * stretch) for stretch in rng.uniform(0.75, 1.3, 3)]
    return Intraparenchymal(
        shape=Ellipsoid(
            centre=centre, axes=(axes[0], axes[1], axes[2]), yaw_deg=rng.uniform(-60, 60)
        ),
        hu=hu,
        lobes=radius * rng.uniform(0.06, 0.22),
        rim_mm=rng.uniform(0.15, 0.5) * radius,
        rim_hu=rng.uniform(3, 12),
        shift_mm=max(0.0, radius - 9) * rng.uniform(0.1, 0.5),
        texture=rng.uniform(0.0, 0.08),
        seed_mm=rng.uniform(0, 60),
    )


def _intraventricular(rng: np.random.Generator, hu: float, clear: bool) -> Intraventricular:
    side = int(rng.choice([-1, 1]))
    cast = clear or rng.random() < 0.5
    low = rng.uniform(52, 62) if clear else rng.uniform(12, 58)
    return Intraventricular(
        hu=hu,
        sides=(side,) if rng.random() < 0.45 and not clear else (-1, 1),
        deeper_than_mm=rng.uniform(-80, -25) if cast else rng.uniform(10, 42),
        low_mm=low,
        high_mm=max(low + 22, rng.uniform(88 if clear else 72, 100)),
    )


def _subarachnoid(rng: np.random.Generator, *, head: Head, hu: float, clear: bool) -> Subarachnoid:
    if rng.random() < 0.4:  # aneurysm: cisterns, Sylvian and insula
        centre: Place = (rng.uniform(-28, 28), rng.uniform(-22, 0), rng.uniform(46, 62))
    else:
        centre = _in_brain(rng, head, depth=(0.8, 0.95), levels=(60, 122))
    reach = [float(reach) for reach in rng.uniform(28 if clear else 14, 55, 3)]
    return Subarachnoid(
        centre=centre, reach_mm=(reach[0], reach[1], reach[2] * 0.8), hu=min(hu, 74.0)
    )


def _subdural(rng: np.random.Generator, *, head: Head, hu: float, clear: bool) -> Lesion:
    if rng.random() < 0.18 and not clear:
        return Interhemispheric(
            side=int(rng.choice([-1, 1])),
            thickness_mm=rng.uniform(2.5, 8),
            middle_y=rng.uniform(-40, 50),
            reach_y=rng.uniform(20, 50),
            low_mm=rng.uniform(66, 90),
            hu=hu,
        )
    age = 0.0 if clear else rng.random()
    if age > CHRONIC_AGE:
        return _chronic(rng, head, hu)
    thickness = rng.uniform(7, 14) if clear else float(np.exp(rng.uniform(np.log(2.8), np.log(17))))
    old = hu if age < 0.5 else rng.uniform(18, 42)
    return Collection(
        centre=_on_table(rng, head, (70, 108)),
        thickness_mm=thickness,
        reach_mm=rng.uniform(42, 80),
        lens=False,
        hu=hu,
        old_hu=old,
        shift_mm=max(0.0, thickness - 4) * rng.uniform(0.2, 0.9),
        seed_mm=rng.uniform(0, 60),
        kind="SDH",
    )


def _chronic(rng: np.random.Generator, head: Head, fresh_hu: float) -> Collection:
    """Weeks old: isodense to nearly as dark as fluid, up to 3 cm thick, often with membranes or
    some fresh blood.

    A thin one is never isodense: nobody could tell it from cortex, and a network that has to would
    call all cortex blood.
    """
    thickness = float(np.exp(rng.uniform(np.log(5), np.log(32))))
    darkest = max(14.0, head.tissue.csf + 6)
    brightest = head.tissue.grey + 2 if thickness > THICK_MM else head.tissue.white - 5
    old = rng.uniform(min(darkest, brightest - 2), brightest)
    return Collection(
        centre=_on_table(rng, head, (70, 108)),
        thickness_mm=thickness,
        reach_mm=rng.uniform(max(45, 2 * thickness), 90),
        lens=False,
        hu=fresh_hu if rng.random() < 0.3 else old + rng.uniform(0, 6),
        old_hu=old,
        shift_mm=max(0.0, thickness - 4) * rng.uniform(0.3, 0.7),
        seed_mm=rng.uniform(0, 60),
        kind="SDH",
        membrane_hu=rng.uniform(34, 56) if rng.random() < 0.6 else 0.0,
    )


def _lens(rng: np.random.Generator, *, head: Head, hu: float, clear: bool) -> Collection:
    thickness = rng.uniform(10 if clear else 5, 22)
    mixed = not clear and rng.random() < 0.2
    return Collection(
        centre=_on_table(rng, head, (58, 105)),
        thickness_mm=thickness,
        reach_mm=rng.uniform(max(16, thickness * 1.2), 40),
        lens=True,
        hu=hu,
        old_hu=rng.uniform(25, 45) if mixed else hu,
        shift_mm=max(0.0, thickness - 5) * rng.uniform(0.1, 0.6),
        seed_mm=rng.uniform(0, 60),
        kind="EDH",
    )
