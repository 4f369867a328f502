"""A slice of a phantom pool made, beside the training step that learns from it: `python -m
benchmarks.phantom`. A slice is made once, and learned from in every epoch.
"""

import os
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.side_by_side import TIMING_COLUMNS, take_turns, timing_cells, write_table
from ich_node.model.network import MilNetwork
from ich_node.phantom import slices_of_head
from training.losses import slice_loss
from training.pool import FIELD_MM, SIZE_PX, SLICES_PER_HEAD
from training.presets import PRESETS

THREADS = int(os.environ.get("ICH_NODE_BENCH_THREADS", "1"))
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))


def main() -> None:
    """Writes the table."""
    torch.set_num_threads(THREADS)
    timings = take_turns(
        {"made": pool_slices(), **{f"learned, {name}": step(name) for name in PRESETS}},
        rounds=ROUNDS,
        repeats=SLICES_PER_HEAD,
    )
    made = timings["made"]
    write_table(
        "phantom",
        f"A pool slice of {SIZE_PX} x {SIZE_PX} made, and learned from in a batch of "
        f"{SLICES_PER_HEAD}; threads: {THREADS}, {ROUNDS} rounds",
        ["slice", *TIMING_COLUMNS, "times the CPU of making one"],
        [
            [name, *timing_cells(timing), f"{timing.cpu_ms / made.cpu_ms:.2f}"]
            for name, timing in timings.items()
        ],
        packages=["torch", "numpy", "scipy"],
    )


def pool_slices() -> Callable[[], object]:
    """The slices of one head; the same head in every round."""
    return lambda: list(
        slices_of_head(
            np.random.default_rng(9), SLICES_PER_HEAD, size=SIZE_PX, pixel_mm=FIELD_MM / SIZE_PX
        )
    )


def step(preset_name: str) -> Callable[[], object]:
    """Forward, backward and update with as many slices of noise."""
    network = MilNetwork(PRESETS[preset_name].network)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    image_BCYX = torch.randn(SLICES_PER_HEAD, 3, SIZE_PX, SIZE_PX)
    label_B = (torch.arange(SLICES_PER_HEAD) % 2).float()

    def learn() -> None:
        optimiser.zero_grad()
        slice_loss(network(image_BCYX).logit_B, label_B, None).backward()
        optimiser.step()

    return learn


if __name__ == "__main__":
    main()
