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

from ich_node.detection.network_input import AIR_HU, InputSpec, grid_of, to_network_input
from training.augment import draw_transform
from training.examples import Examples
from training.presets import Preset

Address = tuple[int, int]  # epoch, index of the example


class Sample(NamedTuple):
    """image_CYX float32; label 0 or 1; mask_YX 1 where there is blood (1 x 1 pixel if the preset or
    the examples have no masks). In a batch each has an axis B in front.
    """

    image_CYX: Tensor
    label: Tensor
    mask_YX: Tensor


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
    """Randomly augmented samples, which depend on the seed and (epoch, index) alone: the same from
    any worker process, at any time.
    """

    def __init__(self, examples: Examples, preset: Preset, *, seed: int) -> None:
        self.examples, self.preset, self.seed = examples, preset, seed

    @override
    def __getitem__(self, address: Address) -> Sample:
        epoch, index = address
        rng = np.random.default_rng([self.seed, epoch, index])
        transform = draw_transform(self.preset.augmentation, rng)
        slice_, spec = self.examples.slice_of(index), self.preset.input
        hu_YX = (
            np.where(slice_.padding_YX, np.float32(AIR_HU), slice_.hu_YX)
            if spec.padding == "air"
            else slice_.hu_YX
        )
        scale_px = grid_of(slice_, spec).row_scale
        moved = replace(
            slice_,
            hu_YX=transform.apply_to_hu(hu_YX, scale_px),
            padding_YX=np.zeros_like(slice_.padding_YX),
        )
        image_CYX = to_network_input(
            moved, spec, shift_hu=float(self.examples.shift_N[index])
        ).image_CYX
        known_YX = self.examples.mask_of(index)
        if self.preset.map_loss is None or known_YX is None:
            mask_YX = np.zeros((1, 1), np.float32)
        else:
            mask_YX = transform.apply_to_mask(known_YX, scale_px).astype(np.float32)
        label = torch.tensor(float(self.examples.label_N[index]))
        return Sample(torch.from_numpy(image_CYX), label, torch.from_numpy(mask_YX))


@dataclass(frozen=True, kw_only=True)
class BatchSampler(Sampler[list[Address]]):
    """This process's share of every batch, from first_step to last_step. Each epoch is a seeded
    permutation of all examples, divided into batches.
    """

    total: int
    batch: int
    seed: int
    first_step: int
    last_step: int
    rank: int = 0
    processes: int = 1

    @override
    def __iter__(self) -> Iterator[list[Address]]:
        order_N: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        known = -1
        for step in range(self.first_step, self.last_step):
            epoch, place = divmod(step, self.total // self.batch)
            if epoch != known:
                order_N, known = (
                    np.random.default_rng([self.seed, epoch]).permutation(self.total),
                    epoch,
                )
            chosen = order_N[place * self.batch : (place + 1) * self.batch][
                self.rank :: self.processes
            ]
            yield [(epoch, int(index)) for index in chosen]

    def __len__(self) -> int:
        return max(0, self.last_step - self.first_step)
