"""The two reductions of `to_network_input` for a batch of slices on a device. Each axis by itself:
every pixel of the input is a weighted mean of a few pixels of the slice that lie side by side.

No matrix products: a GPU may round their factors to TF32.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Means(NamedTuple):
    """For each pixel of an axis of the input: K source pixels and their weights; (B, I, K)."""

    index_BIK: Tensor
    weight_BIK: Tensor


def area_means(source_px: int, grid_B2: Tensor, size_px: int, *, largest: float) -> Means:
    """What `area_weights` says, slice by slice. grid_B2: scale and offset, float64. largest: of the
    scales, which a GPU would have to be asked for.
    """
    scale_B, offset_B = grid_B2.T
    half_B1 = scale_B.clamp(min=1.0)[:, None] / 2
    step_I = torch.arange(size_px, device=scale_B.device)
    centre_BI = scale_B[:, None] * step_I + offset_B[:, None]
    lower_BI1, upper_BI1 = (centre_BI - half_B1)[..., None], (centre_BI + half_B1)[..., None]
    reach = math.floor(max(largest, 1.0)) + 2
    source_BIK = torch.floor(lower_BI1 + 0.5) + torch.arange(reach, device=scale_B.device)
    overlap_BIK = torch.minimum(upper_BI1, source_BIK + 0.5) - torch.maximum(
        lower_BI1, source_BIK - 0.5
    )
    outside_BIK = (source_BIK < 0) | (source_BIK >= source_px)
    weight_BIK = overlap_BIK.clamp(min=0) / (2 * half_B1[..., None])
    return Means(
        source_BIK.clamp(0, source_px - 1).long(), weight_BIK.masked_fill(outside_BIK, 0.0).float()
    )


def whole_matrix_means(source_px: int, slices: int, size_px: int, *, on: torch.device) -> Means:
    """What `whole_matrix` does along one axis, for so many slices of one matrix."""
    index_IK, weight_IK = _published_means(source_px, size_px, on)
    return Means(index_IK.expand(slices, -1, -1), weight_IK.expand(slices, -1, -1))


@lru_cache(maxsize=16)
def _published_means(source_px: int, size_px: int, on: torch.device) -> tuple[Tensor, Tensor]:
    """The published reduction of an identity matrix along its rows: its weights."""
    from skimage.transform import resize

    weight_IS = resize(
        np.eye(source_px),
        (size_px, source_px),
        order=0,
        anti_aliasing=True,
        preserve_range=True,
    )
    used_IS = weight_IS > 0
    reach = int(used_IS.sum(axis=1).max())
    first_I = np.minimum(used_IS.argmax(axis=1), source_px - reach)
    index_IK = first_I[:, None] + np.arange(reach)
    weight_IK = np.take_along_axis(weight_IS, index_IK, axis=1).astype(np.float32)
    return torch.from_numpy(index_IK).to(on), torch.from_numpy(weight_IK).to(on)


def reduced(image_BYX: Tensor, rows: Means, columns: Means) -> Tensor:
    """The means along both axes."""
    return _along(_along(image_BYX, rows, axis=1), columns, axis=2)


def _along(image_BYX: Tensor, means: Means, *, axis: int) -> Tensor:
    shape = list(image_BYX.shape)
    shape[axis] = means.index_BIK.shape[1]
    total_BYX = image_BYX.new_zeros(shape)
    for index_BI, weight_BI in zip(
        means.index_BIK.unbind(-1), means.weight_BIK.unbind(-1), strict=True
    ):
        index_BYX, weight_BYX = (each.unsqueeze(3 - axis) for each in (index_BI, weight_BI))
        total_BYX.addcmul_(image_BYX.gather(axis, index_BYX.expand(shape)), weight_BYX)
    return total_BYX
