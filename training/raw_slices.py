"""Slices as the worker processes hand them over: pixels as they are stored, and the numbers of
their random changes. `views` makes the network's input of a whole batch of them on the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from ich_node.detection.network_input import AIR_HU, STORED_OFFSET, InputSpec, PixelGrid, grid_of
from ich_node.series.series import Slice
from training.augment import Transform, draw_transform
from training.examples import Examples
from training.presets import Preset
from training.samples import Address


@dataclass(frozen=True, kw_only=True)
class RawSlice:
    """hu_YX int16 or float32; where the spec wants so, its padding is air. mask_YX: of
    `Examples.known_mask`, 1 x 1 pixel if nobody learns from it. place: as in Sample.
    """

    hu_YX: NDArray[np.int16] | NDArray[np.float32]
    mask_YX: NDArray[np.uint8]
    label: bool
    shift_hu: float
    grid: PixelGrid
    transform: Transform
    place: int


class RawGroup(NamedTuple):
    """The slices of a batch that have one matrix.

    at_B: where they are in the batch. move_B23: float64, from pixels of the moved slice to those
    of the stored one. brightness_B2: factor and addend of HU. sharpness_B: -sigma of a blur in
    pixels, or +share of the Laplacian. shift_B: HU, after all of this. grid_B22: scale and offset
    of rows and columns, from input pixels to slice pixels.
    """

    at_B: Tensor
    hu_BYX: Tensor
    mask_BYX: Tensor
    move_B23: Tensor
    brightness_B2: Tensor
    sharpness_B: Tensor
    shift_B: Tensor
    grid_B22: Tensor


class RawBatch(NamedTuple):
    """label_B, place_B: as in Sample."""

    groups: list[RawGroup]
    label_B: Tensor
    place_B: Tensor


class RawSlices(Dataset[RawSlice]):
    """Slices with a random change, which depends on the seed and (draw, index) alone: the same
    from any worker process, at any time.
    """

    def __init__(self, examples: Examples, preset: Preset, *, seed: int) -> None:
        self.examples, self.preset, self.seed = examples, preset, seed

    @override
    def __getitem__(self, address: Address) -> RawSlice:
        index = address.number
        slice_, spec = self.examples.slice_of(index), self.preset.input
        rng = np.random.default_rng([self.seed, address.draw, index])
        masked = self.preset.map_loss is not None and self.examples.has_masks
        return RawSlice(
            hu_YX=_stored(slice_, spec),
            mask_YX=(
                self.examples.known_mask(index, slice_.hu_YX.shape)
                if masked
                else np.zeros((1, 1), np.uint8)
            ),
            label=bool(self.examples.label_N[index]),
            shift_hu=float(self.examples.shift_N[index]),
            grid=grid_of(slice_, spec),
            transform=draw_transform(self.preset.augmentation, rng),
            place=address.place,
        )


def batch_of(slices: Sequence[RawSlice]) -> RawBatch:
    """Slices of one matrix side by side."""
    places: dict[tuple[tuple[int, ...], str], list[int]] = {}
    for place, raw in enumerate(slices):
        places.setdefault((raw.hu_YX.shape, raw.hu_YX.dtype.str), []).append(place)
    return RawBatch(
        groups=[_group(group, [slices[place] for place in group]) for group in places.values()],
        label_B=torch.tensor([float(raw.label) for raw in slices]),
        place_B=torch.tensor([raw.place for raw in slices]),
    )


def _group(places: list[int], members: list[RawSlice]) -> RawGroup:
    transforms = [raw.transform for raw in members]
    scales_px = [raw.grid.row_scale for raw in members]
    return RawGroup(
        at_B=torch.tensor(places),
        hu_BYX=torch.from_numpy(np.stack([raw.hu_YX for raw in members])),
        mask_BYX=torch.from_numpy(np.stack([raw.mask_YX for raw in members])),
        move_B23=torch.from_numpy(
            np.stack(
                [
                    raw.transform.affine(raw.hu_YX.shape, scale_px)
                    for raw, scale_px in zip(members, scales_px, strict=True)
                ]
            )
        ),
        brightness_B2=torch.tensor(
            [(each.factor, each.add_hu + STORED_OFFSET * (each.factor - 1)) for each in transforms]
        ),
        sharpness_B=torch.tensor(
            [
                each.sharpness_on(scale_px)
                for each, scale_px in zip(transforms, scales_px, strict=True)
            ],
            dtype=torch.float64,
        ),
        shift_B=torch.tensor([raw.shift_hu for raw in members], dtype=torch.float32),
        grid_B22=torch.tensor(
            [
                (
                    (raw.grid.row_scale, raw.grid.row_offset),
                    (raw.grid.column_scale, raw.grid.column_offset),
                )
                for raw in members
            ],
            dtype=torch.float64,
        ),
    )


def _stored(slice_: Slice, spec: InputSpec) -> NDArray[np.int16] | NDArray[np.float32]:
    """The pixels, in the type in which they are kept."""
    if spec.padding == "published":
        return slice_.hu_YX
    hu_YX = slice_.hu_YX.copy()
    np.copyto(hu_YX, hu_YX.dtype.type(AIR_HU), where=slice_.padding_YX)
    return hu_YX
