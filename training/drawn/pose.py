"""Turn, scale and bend a tissue a little: one head becomes many, and mirrored halves lose their
symmetry.
"""

import numpy as np
from scipy import ndimage

from training.drawn.noise import smooth_noise
from training.tissue.tissue import Tissue

AIR_HU = -1000.0
TURN_DEG = 7.0
MOST_TURN_DEG = 20.0
SHIFT_MM = 5.0
BEND_MM = 2.2  # standard deviation of the local displacement
BEND_CELL_MM = 28.0


def posed(tissue: Tissue, rng: np.random.Generator) -> Tissue:
    """The same tissue as another patient might lie in the scanner. One bilinear interpolation."""
    shape = tissue.hu_SYX.shape
    turn = np.deg2rad(np.clip(rng.normal(0, TURN_DEG), -MOST_TURN_DEG, MOST_TURN_DEG))
    size = rng.uniform(0.93, 1.06)
    stretch = rng.uniform(0.96, 1.05)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    shift = rng.normal(0, SHIFT_MM / tissue.pixel_mm, 2)
    middle = (np.array(shape[1:]) - 1) / 2
    spacing = (tissue.slice_mm, tissue.pixel_mm, tissue.pixel_mm)
    bend = np.float32(BEND_MM * rng.uniform(0.4, 1.3) / tissue.pixel_mm)
    bends = [
        bend * smooth_noise(rng, shape, spacing=spacing, cell_mm=BEND_CELL_MM) for _ in range(2)
    ]
    y = (np.arange(shape[1], dtype=np.float32) - np.float32(middle[0] + shift[0]))[:, None]
    x = (np.arange(shape[2], dtype=np.float32) - np.float32(middle[1] + shift[1]))[None, :]
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    rows_YX = (cos * y + sin * x) / np.float32(size * stretch) + np.float32(middle[0])
    columns_YX = np.float32(mirror) * (cos * x - sin * y) / np.float32(size) + np.float32(middle[1])
    hu_SYX = np.empty(shape, dtype=np.float32)
    for index, slice_YX in enumerate(tissue.hu_SYX):
        ndimage.map_coordinates(
            slice_YX,
            np.stack([rows_YX + bends[0][index], columns_YX + bends[1][index]]),
            output=hu_SYX[index],
            order=1,
            cval=AIR_HU,
        )
    return Tissue(
        hu_SYX=hu_SYX,
        pixel_mm=tissue.pixel_mm,
        slice_mm=tissue.slice_mm,
        patient=tissue.patient,
        name=tissue.name,
    )
