"""How fast a network learns, and what it waits for: the views, the step, and both together. `python
-m benchmarks.training`.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.side_by_side import write_table
from ich_node.model.network import MilNetwork
from ich_node.phantom import BLEED_KINDS, make_study
from training.cache import fill_cache
from training.datasets import LabelledSeries, read_dataset
from training.examples import CacheExamples, examples_of_cache
from training.loop import Run, State, take_step, train, views_of
from training.presets import PRESETS, Preset
from training.views import View
from training.workers import use_one_core

DEVICE = os.environ.get("ICH_NODE_BENCH_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
WORKERS = int(os.environ.get("ICH_NODE_BENCH_WORKERS", str(os.cpu_count())))
SECONDS = float(os.environ.get("ICH_NODE_BENCH_SECONDS", "8"))  # for each figure
RSNA_SLICES = 752_803
RECIPES = (("product", 16), ("product", 64), ("published", 128), ("paper", 128))
STUDIES = 8
WARM_UP_STEPS = 20  # the workers start, CUDA chooses its kernels
IN_MEMORY = 4  # batches that are learned from again and again


class Enough(Exception):
    """The clock has run for long enough."""


class Clock:
    """Counts what comes after the warm-up; raises Enough after SECONDS."""

    def __init__(self) -> None:
        self.steps, self.seconds = -WARM_UP_STEPS, 0.0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 0:
            self._began = time.perf_counter()
        elif self.steps > 0:
            self.seconds = time.perf_counter() - self._began
            if self.seconds >= SECONDS:
                raise Enough


def main() -> None:
    """Writes the table."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labelled = phantoms(folder / "studies")
        fill_cache(folder / "cache", labelled, workers=WORKERS)
        for preset_name, batch in RECIPES:
            preset = PRESETS[preset_name].adjusted(batch=batch)
            examples = as_many_as_rsna(folder / "cache", labelled, preset)
            kept = folder / f"{preset_name}-{batch}"
            kept.mkdir()
            run = Run(
                preset=preset,
                training=examples,
                validation=examples,
                folder=kept,
                device=DEVICE,
                workers=WORKERS,
            )
            views, steps, both = (
                batch * measure(run) for measure in (views_alone, steps_alone, as_train_runs)
            )
            hours = RSNA_SLICES * preset.epochs / both / 3600
            rows.append(
                [
                    f"{preset_name}, batches of {batch}",
                    *(f"{rate:.0f}" for rate in (views, steps, both)),
                    f"{1000 * batch / steps:.1f}",
                    f"{preset.epochs:g}",
                    f"{hours:.1f}",
                ]
            )
    gpu = f"one {torch.cuda.get_device_name()}" if DEVICE == "cuda" else "the CPU"
    write_table(
        f"training-{DEVICE}",
        f"Slices a second learned on {gpu} from a cache of 512 x 512 pixels a slice, {WORKERS} workers; hours: {RSNA_SLICES:,} "
        "slices an epoch at this rate",
        [
            "recipe",
            "views alone",
            "steps alone",
            "both, as `train run`",
            "ms a step",
            "epochs",
            "hours",
        ],
        rows,
        packages=["torch", "numpy", "scipy"],
    )


def phantoms(folder: Path) -> list[LabelledSeries]:
    """Studies of 512 x 512 pixels a slice, all of them with bleeds."""
    with ProcessPoolExecutor(WORKERS, initializer=use_one_core) as executor:
        list(
            executor.map(
                write_phantom, [folder / str(seed) for seed in range(STUDIES)], range(STUDIES)
            )
        )
    return list(read_dataset(folder, "phantom").series)


def write_phantom(folder: Path, seed: int) -> None:
    make_study(seed, bleeds=BLEED_KINDS[:1]).write(folder)


def as_many_as_rsna(cache: Path, labelled: list[LabelledSeries], preset: Preset) -> CacheExamples:
    """Those of the cache again and again, so that no epoch ends while the clock runs."""
    few, _ = examples_of_cache(cache, labelled, preset.input)
    again = np.arange(RSNA_SLICES) % len(few)
    columns = {
        name: getattr(few, name)[again]
        for name in ("label_N", "series_N", "shift_N", "first_N", "count_N")
    }
    return replace(few, **columns)


def views_alone(run: Run) -> float:
    """Batches a second."""
    return rate_of(views_of(run, 0), lambda _: None)


def steps_alone(run: Run) -> float:
    """The same few views, so that nothing has to be waited for."""
    network = MilNetwork(run.preset.network).to(
        device=run.device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    state = State()
    few = list(islice(views_of(run, 0), IN_MEMORY))
    return rate_of(cycle(few), lambda view: take_step(run, network, optimiser, view, state))


def as_train_runs(run: Run) -> float:
    clock = Clock()
    with suppress(Enough):
        train(run, lambda *_: clock.step())
    return clock.steps / clock.seconds


def rate_of(views: Iterable[View], learn: Callable[[View], None]) -> float:
    """Batches a second."""
    clock = Clock()
    with suppress(Enough):
        for view in views:
            learn(view)
            clock.step()
    return clock.steps / clock.seconds


if __name__ == "__main__":
    main()
