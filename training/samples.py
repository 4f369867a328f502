"""Examples as tensors: plain ones as serving sees them, and augmented ones to learn from, each with
a random stream of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from typing_extensions import override

from ich_node.detection.network_input import (
    AIR_HU,
    InputSpec,
    PixelGrid,
    grid_of,
    to_network_input,
)
from training.augment import draw_transform
from training.examples import Epoch, Examples
from training.presets import Preset

MOST_OF_A_BAG = 40  # slices, so that time and memory of a step are bounded


class Address(NamedTuple):
    """A slice to be augmented. draw: the epoch, or how often its set was seen before. place: of its
    example in the batch of this process.
    """

    draw: int
    index: int
    place: int = 0


class Sample(NamedTuple):
    """image_CYX float32; label 0 or 1; mask_YX of `Examples.known_mask` on the input's grid (1 x 1
    pixel if the preset or the examples have no masks). place: slices of one place are one example.
    In a batch each has an axis B in front.
    """

    image_CYX: Tensor
    label: Tensor
    mask_YX: Tensor
    place: Tensor


class PlainSlices(Dataset[Tensor]):
    """image_CYX of every example, exactly as the Detector makes it."""

    def __init__(self, examples: Examples, spec: InputSpec) -> None:
        self.examples, self.spec = examples, spec

    def __len__(self) -> int:
        return len(self.examples)

    @override
    def __getitem__(self, index: int) -> Tensor:
        shift_hu = float(self.examples.shift_N[index])
        return torch.from_numpy(
            to_network_input(self.examples.slice_of(index), self.spec, shift_hu=shift_hu).image_CYX
        )


class AugmentedSlices(Dataset[Sample]):
    """Randomly augmented samples, which depend on the seed and (draw, index) alone: the same from
    any worker process, at any time.
    """

    def __init__(self, examples: Examples, preset: Preset, *, seed: int) -> None:
        self.examples, self.preset, self.seed = examples, preset, seed

    @override
    def __getitem__(self, address: Address) -> Sample:
        index = address.index
        rng = np.random.default_rng([self.seed, address.draw, index])
        transform = draw_transform(self.preset.augmentation, rng)
        slice_, spec = self.examples.slice_of(index), self.preset.input
        hu_YX = (
            np.where(slice_.padding_YX, np.float32(AIR_HU), slice_.hu_YX)
            if spec.padding == "air"
            else slice_.hu_YX
        )
        grid = grid_of(slice_, spec)
        scale_px = grid.row_scale
        moved = replace(
            slice_,
            hu_YX=transform.apply_to_hu(hu_YX, scale_px),
            padding_YX=np.zeros_like(slice_.padding_YX),
        )
        image_CYX = to_network_input(
            moved, spec, shift_hu=float(self.examples.shift_N[index])
        ).image_CYX
        if self.preset.map_loss is None or not self.examples.has_masks:
            mask_YX = np.zeros((1, 1), np.float32)
        else:
            known_YX = transform.apply_to_mask(
                self.examples.known_mask(index, hu_YX.shape), scale_px
            )
            mask_YX = nearest(known_YX, grid, spec.size_px).astype(np.float32)
        label = torch.tensor(float(self.examples.label_N[index]))
        return Sample(
            torch.from_numpy(image_CYX),
            label,
            torch.from_numpy(mask_YX),
            torch.tensor(address.place),
        )


def nearest(mask_YX: NDArray[np.uint8], grid: PixelGrid, size_px: int) -> NDArray[np.uint8]:
    """A mask of a slice in the pixels of the network's input; 0 outside of the slice."""
    rows, columns = mask_YX.shape
    row_N = np.rint(grid.row_scale * np.arange(size_px) + grid.row_offset).astype(int)
    column_N = np.rint(grid.column_scale * np.arange(size_px) + grid.column_offset).astype(int)
    inside_YX = np.outer((row_N >= 0) & (row_N < rows), (column_N >= 0) & (column_N < columns))
    found_YX = mask_YX[np.ix_(row_N.clip(0, rows - 1), column_N.clip(0, columns - 1))]
    return np.where(inside_YX, found_YX, np.uint8(0))


@dataclass(frozen=True, kw_only=True)
class BatchSampler(Sampler[list[Address]]):
    """This process's share of every batch, from first_step to last_step: so many examples, of a bag
    its slices. Each epoch of the examples is divided into batches.
    """

    examples: Examples
    batch: int
    seed: int
    first_step: int
    last_step: int
    rank: int = 0
    processes: int = 1

    @override
    def __iter__(self) -> Iterator[list[Address]]:
        epoch, known = Epoch(np.empty(0, np.intp), np.empty(0, np.intp)), -1
        for step in range(self.first_step, self.last_step):
            number, batch = divmod(step, self.examples.in_epoch // self.batch)
            if number != known:
                epoch, known = self.examples.epoch(self.seed, number), number
            own = range(batch * self.batch + self.rank, (batch + 1) * self.batch, self.processes)
            yield [
                Address(draw, index, place)
                for place, at in enumerate(own)
                for draw, index in self._slices(int(epoch.example_N[at]), int(epoch.pass_N[at]))
            ]

    def __len__(self) -> int:
        return max(0, self.last_step - self.first_step)

    def _slices(self, example: int, draw: int) -> list[tuple[int, int]]:
        """Of a bag of more than MOST_OF_A_BAG slices, so many, spread over all of it."""
        first, end = self.examples.start_E[example : example + 2].tolist()
        if end - first <= MOST_OF_A_BAG:
            return [(draw, index) for index in range(first, end)]
        rng = np.random.default_rng([self.seed, draw, first, 1])
        edges = np.linspace(first, end, MOST_OF_A_BAG + 1)
        return [(draw, int(index)) for index in rng.uniform(edges[:-1], edges[1:])]
