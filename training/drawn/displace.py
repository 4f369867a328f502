"""Move brain aside for what takes its place, so that cortex is pressed together and not erased."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.drawn.ground import RIM_MM, Ground
from training.drawn.noise import Field

Places = tuple[NDArray[np.intp], ...]  # indices of voxels, an array for each axis
LEAST_MM = 0.25  # shorter ways are not worth an interpolation


def pressed(ground: Ground, thickness_SYX: Field, reach_mm: float) -> Ground:
    """Lift the brain off the inner table by thickness_SYX (mm, slowly changing along the table).
    What lay between the table and reach_mm is squeezed into what is left of it.
    """
    depth_SYX = ground.depth_SYX
    left_SYX = np.maximum(reach_mm - thickness_SYX, 1.0)
    # the way back to where the tissue came from, towards the bone
    back_SYX = np.clip(
        thickness_SYX * (reach_mm - depth_SYX) / left_SYX, 0, np.maximum(depth_SYX - RIM_MM, 0)
    )
    moved = np.nonzero((back_SYX > LEAST_MM) & ground.cavity_SYX)
    if not len(moved[0]):
        return ground
    row_way, column_way = _inward(ground, moved)
    back = back_SYX[moved]
    return _taken_from(ground, moved, rows=-back * row_way, columns=-back * column_way)


def pushed(
    ground: Ground, place: tuple[float, float, float], *, radius_mm: float, reach_mm: float
) -> Ground:
    """Push the brain away from a ball of radius_mm, as far as reach_mm beyond it."""
    z, y, x = ground.away_mm(place)
    away_SYX = np.sqrt(z**2 + y**2 + x**2)
    end = np.float32(radius_mm + reach_mm)
    inside_SYX = (away_SYX < end) & ground.cavity_SYX
    moved = np.nonzero(inside_SYX)
    if not len(moved[0]):
        return ground
    away = np.maximum(away_SYX[moved], 0.5)
    # volume that was within the ball lies in a shell around it; fades to the end and the skull
    fade = np.clip((end - away) / reach_mm, 0, 1) * np.clip(ground.depth_SYX[moved] / 12, 0, 1)
    back = np.float32(0.55 * radius_mm) * fade * np.clip(away / radius_mm, 0, 1)
    y_SYX, x_SYX = np.broadcast_arrays(y, x)
    rows = -back * y_SYX[0, moved[1], 0] / away
    columns = -back * x_SYX[0, 0, moved[2]] / away
    return _taken_from(ground, moved, rows=rows, columns=columns)


def _inward(ground: Ground, moved: Places) -> tuple[Field, Field]:
    """Unit vectors away from the nearest bone, within the plane."""
    smooth_SYX = ground.softened(ground.depth_SYX, 1.5)
    row_way, column_way = (np.gradient(smooth_SYX, axis=axis)[moved] for axis in (1, 2))
    length = np.maximum(np.hypot(row_way, column_way), np.float32(1e-3))
    return row_way / length, column_way / length


def _taken_from(ground: Ground, moved: Places, *, rows: Field, columns: Field) -> Ground:
    """Each of these voxels gets the density of a place so many mm away in its slice."""
    places = np.stack(
        [
            moved[0].astype(np.float32),
            moved[1] + rows / np.float32(ground.spacing[1]),
            moved[2] + columns / np.float32(ground.spacing[2]),
        ]
    )
    hu_SYX = ground.hu_SYX.copy()
    # the scan's noise stays where it is, and no bone is dragged into the brain
    quiet_SYX = np.minimum(ground.hu_SYX - ground.grain_SYX, 90)
    hu_SYX[moved] = ground.grain_SYX[moved] + ndimage.map_coordinates(
        quiet_SYX, places, order=1, mode="nearest", output=np.float32
    )
    return replace(ground, hu_SYX=hu_SYX)
