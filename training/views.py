"""What a network learns from, made for a whole batch on the device: the random changes, and then
the input as `to_network_input` makes it, to 1e-4 of its unit.

Places of pixels are float64: at the edge of a bone, in float32 they would cost more than that.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ich_node.detection.network_input import (
    AIR_HU,
    PUBLISHED_PADDING_STORED,
    STANDARD_DEVIATION,
    STANDARD_MEAN,
    STORED_OFFSET,
    WINDOW_RANGE,
    InputSpec,
    Window,
)
from training.presets import Preset
from training.raw_slices import RawBatch, RawGroup
from training.reductions import Means, area_means, reduced, whole_matrix_means
from training.samples import Sample

AT_ONCE_PX = {"cpu": 2**17, "cuda": 2**24}  # a CPU's cache; 1.5 GB of a GPU
BLUR_REACH = 4.0  # sigmas


def views(raw: RawBatch, preset: Preset, device: str) -> Sample:
    """The batch as samples on the device."""
    spec, slices = preset.input, len(raw.label_B)
    image_BCYX = torch.empty(
        (slices, len(spec.channels), spec.size_px, spec.size_px),
        device=device,
        memory_format=torch.channels_last,
    )
    masked = any(group.mask_BYX.shape[1:] != (1, 1) for group in raw.groups)
    mask_px = spec.size_px if masked else 1
    mask_BYX = torch.zeros((slices, mask_px, mask_px), device=device)
    for whole in raw.groups:
        for group in _parts(whole, AT_ONCE_PX[device]):
            at_B = group.at_B.to(device, non_blocking=True)
            moved_BYX = changed(group, replicate=preset.augmentation.replicate_border, on=device)
            image_BCYX[at_B] = _network_input(moved_BYX, group, spec)
            if masked:
                mask_BYX[at_B] = _mask(group, spec.size_px, device).float()
    label_B = raw.label_B.to(device, non_blocking=True)
    return Sample(image_BCYX, label_B, mask_BYX, raw.place_B)


def changed(group: RawGroup, *, replicate: bool, on: str) -> Tensor:
    """The slices in HU on the device, moved, brighter or darker, blurred or sharpened. replicate:
    whether what comes in from outside repeats the border; otherwise it is air.
    """
    hu_BYX = group.hu_BYX.to(on, non_blocking=True)
    rows, columns = shape = hu_BYX.shape[1:]
    y_Y, x_X = (torch.arange(length, dtype=torch.float64, device=on) for length in shape)
    y_BYX, x_BYX = _places(
        group.move_B23.to(on, non_blocking=True), y_Y[None, :, None], x_X[None, None]
    )
    place_BYX2 = torch.stack([x_BYX * (2 / (columns - 1)) - 1, y_BYX * (2 / (rows - 1)) - 1], -1)
    sampled_B1YX = grid_sample(
        hu_BYX[:, None].double(), place_BYX2, padding_mode="border", align_corners=True
    )
    factor_B11, addend_B11 = group.brightness_B2.to(on, non_blocking=True).T[:, :, None, None]
    moved_BYX = sampled_B1YX[:, 0].float().mul_(factor_B11).add_(addend_B11)
    if not replicate:
        moved_BYX.masked_fill_(~_inside(y_BYX, x_BYX, shape), AIR_HU)
    if bool((group.sharpness_B < 0).any()):
        moved_BYX = _blurred(moved_BYX, (-group.sharpness_B).clamp(min=0))
    if bool((group.sharpness_B > 0).any()):
        share_B = group.sharpness_B.clamp(min=0).float().to(on, non_blocking=True)
        moved_BYX = moved_BYX - share_B[:, None, None] * _laplacian(moved_BYX)
    return moved_BYX


def _parts(group: RawGroup, pixels: int) -> Iterator[RawGroup]:
    """The group in parts of so many pixels: what the device works on at once."""
    slices = max(1, pixels // group.hu_BYX[0].numel())
    for members in zip(*(tensor.split(slices) for tensor in group), strict=True):
        yield RawGroup(*members)


def _places(move_B23: Tensor, y_BY1: Tensor, x_B1X: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the stored slices where these pixels of the moved ones come from. Added
    in scipy's order, so that a place at the very edge falls on the same side of it.
    """
    from_y, from_x, start = move_B23[:, :, :, None, None].unbind(2)
    y_BYX, x_BYX = ((start + from_y * y_BY1[:, None]) + from_x * x_B1X[:, None]).unbind(1)
    return y_BYX, x_BYX


def _inside(y_BYX: Tensor, x_BYX: Tensor, shape: torch.Size) -> Tensor:
    """Whether a place lies between the outermost centres."""
    rows, columns = shape
    return (y_BYX >= 0) & (y_BYX <= rows - 1) & (x_BYX >= 0) & (x_BYX <= columns - 1)


def _blurred(image_BYX: Tensor, sigma_B: Tensor) -> Tensor:
    """Gaussians that end at 4 sigma; a sigma of 0 changes nothing."""
    own_B = torch.floor(BLUR_REACH * sigma_B + 0.5)
    reach = int(own_B.max())
    step_R = torch.arange(reach + 1, dtype=torch.float64)
    weight_BR = torch.exp(-0.5 * (step_R / sigma_B.clamp(min=1e-9)[:, None]) ** 2)
    weight_BR *= step_R <= own_B[:, None]
    weight_BR /= 2 * weight_BR.sum(dim=1, keepdim=True) - 1
    weight_RB11 = weight_BR.float().to(image_BYX.device, non_blocking=True).T[:, :, None, None]
    for axis in (1, 2):
        length = image_BYX.shape[axis]
        wide_BYX = _widened(image_BYX, reach, axis)
        image_BYX = image_BYX * weight_RB11[0]
        for step in range(1, reach + 1):
            both_BYX = wide_BYX.narrow(axis, reach - step, length) + wide_BYX.narrow(
                axis, reach + step, length
            )
            image_BYX.addcmul_(both_BYX, weight_RB11[step])
    return image_BYX


def _laplacian(image_BYX: Tensor) -> Tensor:
    total_BYX = -4 * image_BYX
    for axis in (1, 2):
        length = image_BYX.shape[axis]
        wide_BYX = _widened(image_BYX, 1, axis)
        total_BYX += wide_BYX.narrow(axis, 0, length)
        total_BYX += wide_BYX.narrow(axis, 2, length)
    return total_BYX


def _widened(image_BYX: Tensor, by: int, axis: int) -> Tensor:
    """Mirrored beyond both edges, the pixels at the edge twice."""
    length = image_BYX.shape[axis]
    place = torch.arange(-by, length + by, device=image_BYX.device)
    place = torch.where(place < 0, -1 - place, place)
    place = torch.where(place >= length, 2 * length - 1 - place, place)
    return image_BYX.index_select(axis, place)


def _network_input(hu_BYX: Tensor, group: RawGroup, spec: InputSpec) -> Tensor:
    """As `to_network_input`."""
    shift_B11 = group.shift_B.to(hu_BYX.device, non_blocking=True)[:, None, None]
    means = _means(group, spec, hu_BYX.device)
    # outside of the slice there is air, which no shift makes lighter
    zero_hu = 0.0 if spec.pixel_mm is None else AIR_HU
    stored_BYX = hu_BYX + (shift_B11 - zero_hu)
    if means is not None:
        stored_BYX = reduced(stored_BYX, *means)
    stored_BYX += zero_hu + STORED_OFFSET
    if spec.padding == "published":
        stored_BYX.masked_fill_(stored_BYX < PUBLISHED_PADDING_STORED, 0.0)
    return torch.stack([_windowed(stored_BYX, window) for window in spec.channels], dim=1)


def _means(group: RawGroup, spec: InputSpec, on: torch.device) -> tuple[Means, Means] | None:
    """Of both axes. None: every pixel of the input is one pixel of the slice, as in a pool."""
    slices, *shape = group.hu_BYX.shape
    plain = group.grid_B22.new_tensor([1.0, 0.0])
    if shape == [spec.size_px] * 2 and bool((group.grid_B22 == plain).all()):
        return None
    if spec.pixel_mm is None:
        rows, columns = (
            whole_matrix_means(length, slices, spec.size_px, on=on) for length in shape
        )
        return rows, columns
    grid_B22 = group.grid_B22.to(on, non_blocking=True)
    largest = float(group.grid_B22[:, :, 0].max())
    rows, columns = (
        area_means(length, grid_B2, spec.size_px, largest=largest)
        for length, grid_B2 in zip(shape, grid_B22.unbind(1), strict=True)
    )
    return rows, columns


def _windowed(stored_BYX: Tensor, window: Window | None) -> Tensor:
    if window is None:
        return (stored_BYX - STANDARD_MEAN).div_(STANDARD_DEVIATION)
    share_BYX = (stored_BYX - (window.lower_hu + STORED_OFFSET)).div_(window.width_hu).clamp_(0, 1)
    return share_BYX.mul_(WINDOW_RANGE).sub_(STANDARD_MEAN).div_(STANDARD_DEVIATION)


def _mask(group: RawGroup, size_px: int, on: str) -> Tensor:
    """The nearest pixel of the mask for every pixel of the input; 0 from outside the slice."""
    mask_BYX = group.mask_BYX.to(on, non_blocking=True)
    if mask_BYX.shape[1:] == (1, 1):
        return mask_BYX
    scale_B2, offset_B2 = group.grid_B22.to(on, non_blocking=True).unbind(2)
    step_I = torch.arange(size_px, dtype=torch.float64, device=mask_BYX.device)
    y_BI, x_BI = (scale_B2[:, :, None] * step_I + offset_B2[:, :, None]).unbind(1)
    move_B23 = group.move_B23.to(on, non_blocking=True)
    y_BYX, x_BYX = _places(move_B23, y_BI[:, :, None], x_BI[:, None, :])
    inside_BYX = _inside(y_BYX, x_BYX, mask_BYX.shape[1:])
    rows, columns = mask_BYX.shape[1:]
    row_BYX = torch.floor(y_BYX + 0.5).long().clamp_(0, rows - 1)
    column_BYX = torch.floor(x_BYX + 0.5).long().clamp_(0, columns - 1)
    slice_B11 = torch.arange(len(mask_BYX), device=mask_BYX.device)[:, None, None]
    return mask_BYX[slice_B11, row_BYX, column_BYX] * inside_BYX
