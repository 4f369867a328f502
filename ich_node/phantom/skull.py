"""Everything around the brain: scalp, vault, base, face and neck."""

import numpy as np

from ich_node.phantom.frame import Ellipsoid, Field, cover, paint
from ich_node.phantom.plane import Plane

AIR_HU = -1000.0
FAT_HU = -95.0
MUSCLE_HU = 52.0


def paint_surroundings(plane: Plane, base_mm_YX: Field) -> Field:
    """hu_YX of the head with an empty cavity. base_mm_YX: thickness of the bone under the floor."""
    head, cavity = plane.head, plane.cavity
    hu_YX = np.full(cavity.z_YX.shape, AIR_HU, dtype=np.float32)
    outer_YX = cavity.dome_YX + _vault_mm(plane)
    skin_YX = outer_YX + np.float32(head.skull.scalp) * (
        1 + np.float32(0.12) * plane.noise(head.coarse, 60)
    )
    _paint_scalp(hu_YX, plane=plane, outer_YX=outer_YX, skin_YX=skin_YX)
    if bool((cavity.floor_YX < 12).any()):
        _paint_below(hu_YX, plane=plane, outer_YX=outer_YX)
    _paint_vault(hu_YX, plane=plane, base_mm_YX=base_mm_YX, outer_YX=outer_YX)
    return hu_YX


def _vault_mm(plane: Plane) -> Field:
    """Thicker at the back and in the frontal midline, and uneven."""
    x, y = plane.frame.x_YX, plane.frame.y_YX
    uneven_YX = plane.noise(plane.head.coarse)
    crest_YX = np.exp(-(x**2) / 120) * np.clip((np.abs(y) - 25) / 25, 0, 1)
    share_YX = 0.9 + 0.12 * uneven_YX + 0.35 * crest_YX + 0.15 * np.clip((y - 10) / 40, 0, 1)
    thick: Field = np.maximum(plane.head.skull.thickness * share_YX, 2.0).astype(np.float32)
    return thick


def _paint_scalp(hu_YX: Field, *, plane: Plane, outer_YX: Field, skin_YX: Field) -> None:
    skull, frame, level_mm = plane.head.skull, plane.frame, plane.level_mm
    fat = FAT_HU * skull.scalp_fat + 30 * (1 - skull.scalp_fat)
    paint(hu_YX, 35.0, cover(skin_YX, frame.pixel_mm))
    paint(hu_YX, fat, cover(np.minimum(skin_YX - 1.6, 1.2 - outer_YX), frame.pixel_mm))
    if level_mm < 75:  # temporalis and the muscles of the nape
        side = np.abs(frame.x_YX) - np.float32(skull.half_width * 0.78)
        muscle_YX = np.minimum(skin_YX - 3, np.minimum(side, np.float32(min(20.0, 75 - level_mm))))
        paint(hu_YX, MUSCLE_HU, cover(muscle_YX, 1.5))


def _paint_vault(hu_YX: Field, *, plane: Plane, base_mm_YX: Field, outer_YX: Field) -> None:
    """Two tables with marrow between, the base under the fossae, and the flap of a craniotomy."""
    head, frame, cavity = plane.head, plane.frame, plane.cavity
    skull = head.skull
    under_YX = cavity.floor_YX + base_mm_YX
    bone_YX: Field = np.minimum(outer_YX, under_YX)
    speckle_YX = plane.noise(head.texture)
    marrow = np.float32(skull.cortex_hu * (1 - 0.65 * skull.diploe))
    depth_YX: Field = np.minimum(outer_YX, -cavity.brain_YX)
    bone_hu_YX = (
        np.float32(skull.cortex_hu)
        + (marrow - skull.cortex_hu) * cover(depth_YX - 1.5, 1.8)
        + 60 * speckle_YX
    )
    if head.craniotomy is not None:
        flap_YX = head.craniotomy.distance(frame.x_YX, frame.y_YX, cavity.z_YX)
        bone_YX = np.minimum(bone_YX, np.abs(flap_YX) - np.float32(1.2))
    _paint_mastoid_cells(bone_hu_YX, plane, speckle_YX)
    paint(hu_YX, bone_hu_YX, cover(bone_YX, frame.pixel_mm))


def _paint_mastoid_cells(bone_hu_YX: Field, plane: Plane, speckle_YX: Field) -> None:
    """Air in the mastoids."""
    x, y, z = plane.frame.x_YX, plane.frame.y_YX, plane.cavity.z_YX
    mastoid_YX = 13 - np.sqrt((np.abs(x) - 52) ** 2 + (y - 24) ** 2 + (z - 18) ** 2)
    slant_YX = x + np.float32(0.6) * y
    waves_YX = np.sin(slant_YX * np.float32(1.2) + 5 * speckle_YX) + np.sin(
        y * np.float32(1.5) - 4 * speckle_YX
    )
    cells_YX: Field = np.minimum(mastoid_YX, 2 * waves_YX + 1)
    paint(bone_hu_YX, -550.0, cover(cells_YX, 1.2))


def _paint_below(hu_YX: Field, *, plane: Plane, outer_YX: Field) -> None:
    """Face and neck: muscle and fat, spine, jaw, orbits and air."""
    head, frame, z = plane.head, plane.frame, plane.cavity.z_YX
    patches_YX = plane.noise(head.patches)
    fine_YX = plane.noise(head.texture, 31)
    planes_YX = (np.abs(patches_YX) < 0.16) | (patches_YX > 1.5)  # fat between the muscles
    inside_YX = cover(np.minimum(outer_YX + 2, -plane.cavity.floor_YX), 1.5)
    flesh_YX = np.where(planes_YX, np.float32(FAT_HU), np.float32(MUSCLE_HU) + 7 * fine_YX).astype(
        np.float32
    )
    paint(hu_YX, flesh_YX, inside_YX)
    struts_YX = np.minimum(1.6 - np.abs(fine_YX * 6), np.minimum(outer_YX, -30 - frame.y_YX))
    fewer_YX: Field = np.maximum(-z - 15, 0) * np.float32(0.1)  # none in the neck
    paint(hu_YX, 650.0, cover(struts_YX - fewer_YX, 1.5) * inside_YX)
    for sinus in head.sinuses:
        if not sinus.spans(z):
            continue
        wall_YX = sinus.distance(frame.x_YX, frame.y_YX, z) + np.float32(0.8) * patches_YX
        free_YX: Field = np.minimum(wall_YX, outer_YX - 3)
        paint(hu_YX, 500.0, cover(free_YX + 1.6, 1.2) * (z > -25))
        paint(hu_YX, AIR_HU, cover(free_YX, 1.2))
    for side in (-1, 1):
        _paint_orbit(hu_YX, plane, side)
    if plane.level_mm < 25:
        _paint_neck(hu_YX, plane, fine_YX)


def _paint_orbit(hu_YX: Field, plane: Plane, side: int) -> None:
    """Fat, globe, lens and muscles. side: -1 right, 1 left."""
    frame, z = plane.frame, plane.cavity.z_YX
    front = -plane.head.skull.half_length
    cone = Ellipsoid(centre=(side * 30, front + 24, 24), axes=(18, 27, 14), yaw_deg=side * 18)
    globe = Ellipsoid(centre=(side * 31, front + 10, 24), axes=(12, 12.5, 12))
    window = frame.window((side * 30, front + 20), 46)
    if hu_YX[window].size == 0 or not cone.spans(z[window]):
        return
    x, y, z, hu = frame.x_YX[window], frame.y_YX[window], z[window], hu_YX[window]
    fat_YX = np.minimum(cone.distance(x, y, z), y - np.float32(front - 2))
    paint(hu, 900.0, cover(np.minimum(fat_YX + 2.2, y - np.float32(front + 6)), 1.2))
    paint(hu, -85.0, cover(fat_YX, 1.2))
    ball_YX = globe.distance(x, y, z)
    paint(hu, 45.0, cover(ball_YX + 1.2, 1.0))
    paint(hu, 10.0, cover(ball_YX, 1.0))
    paint(
        hu,
        80.0,
        cover(
            Ellipsoid(centre=(side * 31, front + 1, 24), axes=(4.5, 2, 4.5)).distance(x, y, z), 1.0
        ),
    )
    for off, width in ((0.0, 2.0), (11.0, 2.0), (-11.0, 2.0)):
        along = side * 30 + off * (1 - (y - front - 12) / 40) - side * 0.32 * (y - front - 24)
        strip_YX = np.minimum(width - np.abs(x - along), np.minimum(fat_YX, 6 - np.abs(z - 24)))
        paint(hu, 45.0, cover(np.minimum(strip_YX, y - np.float32(front + 18)), 1.0))


def _paint_neck(hu_YX: Field, plane: Plane, fine_YX: Field) -> None:
    """Atlas or axis around the cord, and the jaw with its teeth."""
    x, y, z = plane.frame.x_YX, plane.frame.y_YX, plane.cavity.z_YX
    canal = Ellipsoid(centre=(0, 26, -60), axes=(13, 12, 56))
    canal_YX = np.where(z < -4, canal.distance(x, y, np.full_like(z, -60)), np.float32(-50))
    wings_YX = np.minimum(38 - np.abs(x), 9 - np.abs(y - 20 - 2 * fine_YX))
    body_YX = np.maximum(canal_YX + 6, np.minimum(wings_YX, -4 - z) * 0.8)
    bone_YX = np.minimum(body_YX, -4 - z)
    paint(hu_YX, 750.0 + 150 * fine_YX, cover(bone_YX, 1.5))
    paint(hu_YX, 12.0, cover(np.minimum(canal_YX, -2 - z), 1.2))
    paint(hu_YX, 36.0, cover(np.minimum(canal_YX - 6, -2 - z), 1.2))
    arc_YX = 5 - np.abs(np.sqrt((x / 44) ** 2 + ((y + 18) / 58) ** 2) - 1) * 48
    jaw_YX = np.minimum(np.minimum(arc_YX, -14 - y), -18 - z)
    ramus_YX = np.minimum(np.minimum(4 - np.abs(np.abs(x) - 47), 14 - np.abs(y + 14)), 6 - z)
    paint(hu_YX, 1150.0, cover(np.maximum(jaw_YX, ramus_YX), 1.5))
    teeth_YX = np.minimum(jaw_YX + 1.5, 3 * np.sin(np.arctan2(x, -y - 18) * 17) + 1)
    paint(hu_YX, 2300.0, cover(np.minimum(teeth_YX, 14 - np.abs(z + 36)), 1.2))
