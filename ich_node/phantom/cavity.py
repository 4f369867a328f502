"""The cranial cavity: signed distances to the dome and to the floor of the three fossae."""

from dataclasses import dataclass

import numpy as np

from ich_node.phantom.frame import Field, Frame, Window
from ich_node.phantom.head import Head, Skull


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What does not depend on the level: made once for a head in a frame."""

    rho_YX: Field  # in-plane radius over that of the dome: 1 on the inner table at the dome's base
    floor_YX: Field  # height of the cavity's floor
    base_mm_YX: Field  # thickness of the bone under it


@dataclass(frozen=True, kw_only=True)
class Cavity:
    """Distances (mm, positive inside) at one level."""

    z_YX: Field
    dome_YX: Field  # to the inner table, whatever the floor
    floor_YX: Field
    brain_YX: Field  # to the nearest of the two


def footprint_part(footprint: Footprint, window: Window) -> Footprint:
    return Footprint(
        rho_YX=footprint.rho_YX[window],
        floor_YX=footprint.floor_YX[window],
        base_mm_YX=footprint.base_mm_YX[window],
    )


def part_of(cavity: Cavity, window: Window) -> Cavity:
    return Cavity(
        z_YX=cavity.z_YX[window],
        dome_YX=cavity.dome_YX[window],
        floor_YX=cavity.floor_YX[window],
        brain_YX=cavity.brain_YX[window],
    )


def footprint_of(head: Head, frame: Frame) -> Footprint:
    skull = head.skull
    x, y = frame.x_YX, frame.y_YX
    width = (
        skull.half_width
        * (1 + skull.egg * y / skull.half_length)
        * (1 + skull.asymmetry * np.clip(x / 30, -1, 1) * np.clip(y / 30, -1, 1))
    )
    power = np.float32(skull.power)
    rho_YX = ((np.abs(x) / width) ** power + (np.abs(y) / skull.half_length) ** power) ** (
        1 / power
    )
    wobble_YX = head.coarse.at(0, x.shape, pixel_mm=frame.pixel_mm)
    rho_YX *= 1 + np.float32(0.012) * wobble_YX
    return Footprint(
        rho_YX=rho_YX.astype(np.float32),
        floor_YX=_floor(skull, x=x, y=y, wobble_YX=wobble_YX),
        base_mm_YX=_base_mm(x, y),
    )


def _floor(skull: Skull, *, x: Field, y: Field, wobble_YX: Field) -> Field:
    """Anterior fossa over the orbits, a middle fossa on each side, the posterior fossa with the
    foramen magnum.
    """
    wide, long = skull.half_width / 64, skull.half_length / 78
    side = np.abs(x) / wide
    back = y / long
    anterior = (
        35
        + 9 * np.exp(-((side - 30) ** 2) / 320 - (back + 48) ** 2 / 700)
        - 3 * np.exp(-(side**2) / 60)
    )
    middle = 18 + (side - 38) ** 2 / np.where(side < 38, 22, 60) + (back + 8) ** 2 / 30
    posterior = side**2 / 110 + (back - 48) ** 2 / np.where(back < 48, 38, 90)
    canal = 40 * (np.sqrt(side**2 + ((back - 26) / 1.1) ** 2) - 14)
    floor: Field = (
        np.minimum(np.minimum(anterior, middle), np.minimum(posterior, canal)) + 1.6 * wobble_YX
    )
    return floor.astype(np.float32)


def _base_mm(x: Field, y: Field) -> Field:
    """Petrous pyramids and clivus are thick, the orbital roofs thin."""
    side = np.abs(x)
    petrous = 17 * np.exp(-((y - 4 - 0.45 * side) ** 2) / 130) * (side > 8)
    thick: Field = 2.2 + 2 * (y > 0) + petrous + 10 * np.exp(-(side**2) / 100 - (y - 2) ** 2 / 150)
    return thick.astype(np.float32)


def cavity_at(head: Head, *, frame: Frame, footprint: Footprint, level_mm: float) -> Cavity:
    """Raised to a level above the foramen magnum."""
    skull = head.skull
    z_YX = frame.height_YX + np.float32(level_mm)
    above_YX = z_YX - np.float32(skull.dome_base)
    below_YX = np.minimum(above_YX, 0)
    rho_YX = footprint.rho_YX * (1 + np.float32(2.2e-5) * below_YX**2)
    rise_YX = np.maximum(above_YX, 0)
    reach_YX = np.sqrt(rho_YX**2 + (rise_YX * np.float32(1 / skull.height)) ** 2) + np.float32(1e-3)
    radius_YX = np.sqrt(frame.x_YX**2 + frame.y_YX**2 + rise_YX**2)
    dome_YX = radius_YX * (1 / reach_YX - 1) + np.where(
        reach_YX < 0.1, np.float32(30), np.float32(0)
    )
    floor_YX = (z_YX - footprint.floor_YX) * np.float32(0.65)
    return Cavity(
        z_YX=z_YX, dome_YX=dome_YX, floor_YX=floor_YX, brain_YX=np.minimum(dome_YX, floor_YX)
    )
