"""Examples as tensors: as serving sees them, and in batches to learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from typing_extensions import override

from ich_node.detection.network_input import InputSpec, to_network_input
from training.examples import Epoch, Examples

MOST_OF_A_BAG = 40  # slices, so that time and memory of a step are bounded


class Address(NamedTuple):
    """A slice to be augmented. draw: the epoch, or how often its set was seen before. place: of its
    example in the batch of this process.
    """

    draw: int
    number: int
    place: int = 0


class Sample(NamedTuple):
    """image_CYX float32; label 0 or 1; mask_YX of `Examples.known_mask` on the input's grid (1 x 1
    pixel if the preset or the examples have no masks). place: slices of one place are one example;
    on the CPU, where no GPU has to be waited for. In a batch each has an axis B in front.
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
