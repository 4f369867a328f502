"""Samples made one by one on the CPU, with scipy and `to_network_input` itself: what `views` is
compared with.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.detection.network_input import (
    AIR_HU,
    STORED_OFFSET,
    InputSpec,
    grid_of,
    to_network_input,
)
from ich_node.series.series import Slice
from training.augment import Transform


def reference_image(
    slice_: Slice, transform: Transform, spec: InputSpec, *, shift_hu: float, replicate: bool
) -> NDArray[np.float32]:
    """The changed slice, read as serving reads one."""
    hu_YX = np.asarray(slice_.hu_YX, np.float32)
    if spec.padding == "air":
        hu_YX = np.where(slice_.padding_YX, np.float32(AIR_HU), hu_YX)
    changed = replace(
        slice_,
        hu_YX=changed_hu(hu_YX, transform, grid_of(slice_, spec).row_scale, replicate=replicate),
        padding_YX=np.zeros_like(slice_.padding_YX),
    )
    return to_network_input(changed, spec, shift_hu=shift_hu).image_CYX


def changed_hu(
    hu_YX: NDArray[np.float32], transform: Transform, scale_px: float, *, replicate: bool
) -> NDArray[np.float32]:
    hu = (hu_YX + np.float32(STORED_OFFSET)) * np.float32(transform.factor)
    hu = hu - np.float32(STORED_OFFSET) + np.float32(transform.add_hu)
    hu = ndimage.affine_transform(
        hu,
        transform.matrix,
        _offset(transform, hu.shape, scale_px),
        order=1,
        mode="nearest" if replicate else "constant",
        cval=AIR_HU,
    )
    if transform.sharpness < 0:
        hu = ndimage.gaussian_filter(hu, -transform.sharpness * scale_px)
    elif transform.sharpness > 0:
        hu = hu - np.float32(transform.sharpness * scale_px**2) * ndimage.laplace(hu)
    return np.ascontiguousarray(hu[:, ::-1] if transform.mirror else hu, np.float32)


def reference_mask(
    mask_YX: NDArray[np.uint8], transform: Transform, scale_px: float
) -> NDArray[np.uint8]:
    moved = ndimage.affine_transform(
        mask_YX, transform.matrix, _offset(transform, mask_YX.shape, scale_px), order=0
    )
    return np.ascontiguousarray(moved[:, ::-1] if transform.mirror else moved)


def _offset(transform: Transform, shape: tuple[int, ...], scale_px: float) -> NDArray[Any]:
    middle = (np.array(shape) - 1) / 2
    return middle + transform.shift_YX * scale_px - transform.matrix @ middle
