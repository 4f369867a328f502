"""Boxes as weak masks: what looks like fresh blood inside a box is blood, the rest nobody knows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.detection.upright import Turn
from ich_node.series.series import Slice
from training.datasets.labelled import Box
from training.examples import UNKNOWN

# With the brain at 31 HU, and after smoothing: above the densest cortex, below bone and calcium.
# Clotted blood has 50 to 90 HU.
FRESH_BLOOD_HU = (47.0, 95.0)
# The edge of bone and calcium has every density between theirs and that of brain, blood's among
# them.
EDGE_MM = 1.5
# Beyond these, smoothing would carry air and bone far into what lies beside them.
AIR_CLIP_HU, BONE_HU = -50.0, 130.0
SMOOTHING_MM = 0.8
LEAST_MM2 = 10.0  # of one connected part


def weak_mask(slice_: Slice, boxes: Sequence[Box], *, shift_hu: float) -> NDArray[np.uint8]:
    """In the pixels of the slice, as the boxes are: 1 for blood, else UNKNOWN. shift_hu: what
    brings the brain to the density that the network expects.
    """
    mask_YX = np.full(slice_.hu_YX.shape, UNKNOWN, dtype=np.uint8)
    pixel_mm = float(np.sqrt(np.prod(slice_.pixel_spacing_mm)))
    for box in boxes:
        place = _inside(box, mask_YX.shape)
        if mask_YX[place].size:
            blood_YX = _fresh_blood(slice_.hu_YX, place, shift_hu=shift_hu, pixel_mm=pixel_mm)
            mask_YX[place][blood_YX] = 1
    return mask_YX


def turned_box(box: Box, turn: Turn, shape: tuple[int, int]) -> Box:
    """A box in the pixels of a slice that was turned to this shape."""
    rows, columns = shape
    row0, row1, column0, column1 = box.row0, box.row1, box.column0, box.column1
    if turn.transposes:
        row0, row1, column0, column1 = column0, column1, row0, row1
    if turn.flips_rows:
        row0, row1 = rows - row1, rows - row0
    if turn.flips_columns:
        column0, column1 = columns - column1, columns - column0
    return Box(kind=box.kind, row0=row0, column0=column0, row1=row1, column1=column1)


def _inside(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels whose middle lies in the box."""
    rows, columns = shape
    edges = np.array([box.row0, box.row1, box.column0, box.column1]) - 0.5
    row0, row1, column0, column1 = np.ceil(edges).astype(int).tolist()
    return (
        slice(max(0, row0), max(0, min(rows, row1))),
        slice(max(0, column0), max(0, min(columns, column1))),
    )


def _fresh_blood(
    hu_YX: NDArray[np.int16] | NDArray[np.float32],
    place: tuple[slice, slice],
    *,
    shift_hu: float,
    pixel_mm: float,
) -> NDArray[np.bool_]:
    """In the pixels of the place. Its surroundings are looked at as well, so that bone outside of
    the box has its edge.
    """
    margin = int(np.ceil(4 * max(SMOOTHING_MM, EDGE_MM) / pixel_mm))
    around = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in place)
    own = tuple(
        slice(side.start - wide.start, side.stop - wide.start)
        for side, wide in zip(place, around, strict=True)
    )
    near_YX = hu_YX[around].astype(np.float32) + np.float32(shift_hu)
    soft_YX = np.clip(near_YX, AIR_CLIP_HU, BONE_HU)
    smooth_YX = ndimage.gaussian_filter(soft_YX, SMOOTHING_MM / pixel_mm)
    low, high = FRESH_BLOOD_HU
    edge_YX = _distance_mm(smooth_YX > high, pixel_mm) <= EDGE_MM
    blood_YX = ((smooth_YX >= low) & ~edge_YX)[own]
    number_YX, _ = ndimage.label(blood_YX)
    large_N = np.bincount(number_YX.ravel()) * pixel_mm**2 >= LEAST_MM2
    large_N[0] = False
    found_YX: NDArray[np.bool_] = large_N[number_YX]
    return found_YX


def _distance_mm(place_YX: NDArray[np.bool_], pixel_mm: float) -> NDArray[np.float64]:
    """To the next pixel of the place; infinite if there is none."""
    if not place_YX.any():
        return np.full(place_YX.shape, np.inf)
    distance_YX: NDArray[np.float64] = ndimage.distance_transform_edt(~place_YX, sampling=pixel_mm)
    return distance_YX
