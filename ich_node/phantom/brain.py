"""The contents of the cavity of a healthy or aged head."""

from dataclasses import dataclass

import numpy as np

from ich_node.phantom.frame import Ellipsoid, Field, Frame, Window, cover, paint
from ich_node.phantom.plane import Plane

TENTORIUM_APEX = (24.0, 62.0)  # y, z
FALX_REACH_MM = 38.0


@dataclass(frozen=True, kw_only=True)
class Spaces:
    """The share (0..1) of each pixel inside the fluid spaces, where blood can spread. x_YX: of the
    tissue at each pixel, before it was displaced.
    """

    x_YX: Field
    sulci_YX: Field
    ventricles_YX: Field


def tentorium_height(x: Field, y: Field) -> Field:
    """z of the tent over the posterior fossa."""
    behind, apex = TENTORIUM_APEX
    height: Field = np.float32(apex) - np.float32(0.36) * np.sqrt(
        x**2 + (y - np.float32(behind)) ** 2
    )
    return height


def paint_brain(hu_YX: Field, *, plane: Plane, shift_YX: Field, pressed_YX: Field) -> Spaces:
    """Fill the cavity. shift_YX: mm by which tissue is displaced to +x; pressed_YX: mm by which a
    collection lifts the brain.
    """
    head, frame, cavity, tissue = plane.head, plane.frame, plane.cavity, plane.head.tissue
    x, y, z = frame.x_YX - shift_YX, frame.y_YX, cavity.z_YX
    inside_YX = cover(cavity.brain_YX, frame.pixel_mm)
    depth_YX = cavity.brain_YX - pressed_YX
    tent_YX = z - tentorium_height(x, y)
    below_YX = cover(np.minimum(-tent_YX, y - 4), 2.0)
    sulcus_YX = _sulcus_distance(plane, x)
    brain_YX = np.full(hu_YX.shape, tissue.white, dtype=np.float32)
    brain_YX += np.float32(0.9) * plane.noise(head.coarse)
    ribbon_YX = np.minimum(
        depth_YX,
        np.maximum(
            sulcus_YX - 0.5, (cavity.dome_YX - pressed_YX - 0.8 * head.sulcus_depth_mm) * 0.6
        ),
    )
    paint(brain_YX, tissue.grey, cover(3.4 - ribbon_YX, 3.2))
    for nucleus in head.nuclei:
        _paint_ellipsoid(
            brain_YX, frame=frame, at=(x, y, z), shape=nucleus, hu=tissue.grey - 0.5, soft_mm=2.0
        )
    folia_YX = tissue.grey - 3.0 + 2.0 * np.sin((z + 0.5 * y) * np.float32(1.1) + 2 * sulcus_YX)
    paint(brain_YX, folia_YX + np.float32(tissue.posterior_rise), below_YX)
    if tissue.white_disease:
        _paint_white_disease(brain_YX, plane, x)
    for shape, hu in head.lesions_dark:
        _paint_ellipsoid(brain_YX, frame=frame, at=(x, y, z), shape=shape, hu=hu, soft_mm=3.0)
    sulci_YX = _outer_fluid(
        plane,
        x=x,
        depth_YX=depth_YX,
        under_dome_YX=cavity.dome_YX - pressed_YX,
        sulcus_YX=sulcus_YX,
        below_YX=below_YX,
    )
    paint(brain_YX, tissue.csf, sulci_YX)
    ventricles_YX = _ventricles(plane, x)
    paint(brain_YX, tissue.csf, ventricles_YX)
    _paint_membranes(brain_YX, plane=plane, shift_YX=shift_YX, tent_YX=tent_YX)
    paint(hu_YX, brain_YX, inside_YX)
    return Spaces(x_YX=x, sulci_YX=sulci_YX * inside_YX, ventricles_YX=ventricles_YX * inside_YX)


def _sulcus_distance(plane: Plane, x: Field) -> Field:
    """mm to the nearest sulcus: the zero lines of a field that is stretched towards the middle, so
    that sulci run inwards from the surface.
    """
    head, frame, cavity = plane.head, plane.frame, plane.cavity
    half = np.float32(head.skull.half_width)
    near_YX = np.clip(1 - cavity.dome_YX / half, 0.25, 1.0)
    stretch_YX = np.float32(0.35) + np.float32(0.65) / near_YX
    middle = np.float32(head.skull.dome_base)
    field_YX = head.sulci.at(
        (cavity.z_YX - middle) * stretch_YX, frame.y_YX * stretch_YX, x * stretch_YX
    )
    distance: Field = np.abs(field_YX) * np.float32(4.0)
    return distance


def _outer_fluid(
    plane: Plane,
    *,
    x: Field,
    depth_YX: Field,
    under_dome_YX: Field,
    sulcus_YX: Field,
    below_YX: Field,
) -> Field:
    """Sulci, fissures and cisterns. Sulci run inwards from the dome, and hardly from the floor."""
    head, y, z = plane.head, plane.frame.y_YX, plane.cavity.z_YX
    loss = head.tissue.atrophy
    fade_YX = np.clip(1 - under_dome_YX * np.float32(1 / head.sulcus_depth_mm), -1, 1) * (
        1 - np.float32(0.75) * below_YX
    )
    widths_YX = np.float32(head.sulcus_mm * 1.5) * fade_YX
    fluid_YX: Field = cover(widths_YX - sulcus_YX, 1.6) * (fade_YX > 0)
    rim = np.float32(0.2 + 2.2 * loss)
    np.maximum(fluid_YX, cover(rim - depth_YX, 1.6), out=fluid_YX)
    side = np.abs(x)
    fissure_YX = np.minimum(0.5 + 1.6 * loss - side, np.maximum(22 - depth_YX, z - 84))
    np.maximum(fluid_YX, cover(np.minimum(fissure_YX, z - 46), 1.6), out=fluid_YX)
    np.maximum(
        fluid_YX,
        cover(_sylvian(side, y, z=z, width=0.5 + 2.2 * loss) + 0.35 * (sulcus_YX - 3), 1.6),
        out=fluid_YX,
    )
    np.maximum(
        fluid_YX,
        cover(_cisterns(side, y, z=z, size=0.7 + 0.8 * loss) + 0.6 * (sulcus_YX - 2.2), 1.8),
        out=fluid_YX,
    )
    return fluid_YX


def _sylvian(side: Field, y: Field, *, z: Field, width: float) -> Field:
    """Over the insula and out to the temple."""
    insula_YX = np.minimum(width - np.abs(side - 40 + 0.012 * (y + 3) ** 2), 17 - np.abs(y + 4))
    opening_YX = np.minimum(
        width * 1.3 - np.abs(y + 9 - 0.006 * (side - 42) ** 2 - 0.1 * (z - 62)), side - 39
    )
    fluid_YX: Field = np.minimum(np.maximum(insula_YX, opening_YX), 14 - np.abs(z - 62))
    return fluid_YX


def _cisterns(side: Field, y: Field, *, z: Field, size: float) -> Field:
    """The suprasellar cistern, the ring around the midbrain, quadrigeminal plate and magna."""
    star_YX = np.minimum(9 * size - np.abs(y + 10) - 0.45 * side, 6 - np.abs(z - 47))
    midbrain_YX = np.sqrt((side / 15) ** 2 + ((y - 9) / 13) ** 2)
    ring_YX = np.minimum(
        1.2 * size - np.abs(midbrain_YX - 1) * 13 - 0.02 * np.abs(y - 14),
        np.minimum(z - 30, 56 - z),
    )
    plate_YX = np.minimum(
        np.minimum(10 * size - side, 4.5 * size - np.abs(y - 26 - 0.2 * side)), 7 - np.abs(z - 55)
    )
    magna_YX = np.minimum(
        np.minimum(11 * size - side, 6 * size - np.abs(y - 66)), 9 - np.abs(z - 12)
    )
    fluid_YX: Field = np.maximum(np.maximum(star_YX, ring_YX), np.maximum(plate_YX, magna_YX))
    return fluid_YX


def _ventricles(plane: Plane, x: Field) -> Field:
    """The share of each pixel inside a ventricle."""
    head, frame, z = plane.head, plane.frame, plane.cavity.z_YX
    share_YX = np.zeros(x.shape, dtype=np.float32)
    for part in head.ventricles_left + head.ventricles_right + head.ventricles_middle:
        window = _window(frame, part)
        if share_YX[window].size and part.spans(z[window]):
            inside = cover(part.distance(x[window], frame.y_YX[window], z[window]), 1.6)
            np.maximum(share_YX[window], inside, out=share_YX[window])
    return share_YX


def _window(frame: Frame, shape: Ellipsoid) -> Window:
    return frame.window(shape.centre[:2], max(shape.axes[:2]) * 1.05 + 12)


def _paint_ellipsoid(
    brain_YX: Field,
    *,
    frame: Frame,
    at: tuple[Field, Field, Field],
    shape: Ellipsoid,
    hu: float,
    soft_mm: float,
) -> None:
    """at: x, y and z of the tissue at each pixel. soft_mm: width of its edge."""
    window = _window(frame, shape)
    x, y, z = (coordinate[window] for coordinate in at)
    if z.size and shape.spans(z):
        paint(brain_YX[window], hu, cover(shape.distance(x, y, z), soft_mm))


def _paint_white_disease(brain_YX: Field, plane: Plane, x: Field) -> None:
    """Darker white matter around the lateral ventricles."""
    head, frame, z = plane.head, plane.frame, plane.cavity.z_YX
    for part in head.ventricles_left + head.ventricles_right:
        window = _window(frame, part)
        if brain_YX[window].size:
            distance = part.distance(x[window], frame.y_YX[window], z[window])
            halo_YX = cover(distance + 5, 10.0)
            brain_YX[window] -= np.float32(0.5 * head.tissue.white_disease) * halo_YX


def _paint_membranes(brain_YX: Field, *, plane: Plane, shift_YX: Field, tent_YX: Field) -> None:
    """Falx, tentorium and the sinuses in them. The falx is displaced less than the brain, and its
    ends not at all.
    """
    head, frame, cavity = plane.head, plane.frame, plane.cavity
    tissue, pixel = head.tissue, frame.pixel_mm
    y, z, dome_YX = frame.y_YX, cavity.z_YX, cavity.dome_YX
    held_YX = np.clip(dome_YX * np.float32(1 / FALX_REACH_MM), 0, 1)
    x = frame.x_YX - np.float32(0.6) * shift_YX * held_YX
    above_YX = np.minimum(cavity.floor_YX, np.maximum(tent_YX, 12 - y))
    reach_YX = np.where(y < 0, np.float32(FALX_REACH_MM * 0.7), np.float32(FALX_REACH_MM)) - dome_YX
    side = np.abs(x + np.float32(0.7) * np.sin(y * np.float32(0.06)))
    falx_YX = np.minimum(
        np.float32(tissue.falx_mm / 2) - side, np.minimum(np.maximum(reach_YX, z - 98), above_YX)
    )
    paint(brain_YX, tissue.falx, cover(falx_YX, pixel))
    tent_rim_YX = np.minimum(y - 10 - 0.35 * side, side - 15 + np.maximum(y - 34, 0))
    paint(
        brain_YX,
        tissue.falx - 4,
        cover(np.minimum(np.float32(tissue.falx_mm * 0.5) - np.abs(tent_YX), tent_rim_YX), 1.2),
    )
    sagittal_YX = np.minimum(6.5 - 0.75 * dome_YX - side, np.maximum(y + 35, z - 95))
    transverse_YX = np.minimum(5.0 - 0.8 * dome_YX, np.minimum(4.0 - np.abs(tent_YX + 2), y - 22))
    straight_YX = np.minimum(2.2 - side, np.minimum(3.0 - np.abs(tent_YX), y - 24))
    sinus_YX = np.maximum(
        np.maximum(np.minimum(sagittal_YX, above_YX + 4), transverse_YX), straight_YX
    )
    paint(brain_YX, tissue.blood_pool, cover(sinus_YX, pixel * 1.2))
    basilar_YX = np.minimum(1.7 - np.sqrt(x**2 + (y + 9) ** 2), 46 - z)
    carotid_YX = np.minimum(1.9 - np.sqrt((np.abs(x) - 12) ** 2 + (y + 14) ** 2), 52 - z)
    middle_YX = np.minimum(
        np.minimum(
            1.3 - np.abs(z - 50),
            1.3 - np.abs(y + 12 + 0.25 * np.abs(x) - 1.5 * np.sin(x * np.float32(0.3))),
        ),
        np.minimum(np.abs(x) - 10, 30 - np.abs(x)),
    )
    paint(
        brain_YX,
        tissue.blood_pool,
        cover(np.maximum(np.maximum(basilar_YX, carotid_YX), middle_YX), pixel),
    )
