"""How fast a network learns, and what bounds it: the samples, the step, or both together. `python
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
from training.cache_examples import CacheExamples, examples_of_cache
from training.datasets import LabelledSeries, read_dataset
from training.loop import take_step, train, training_batches
from training.presets import PRESETS, Preset
from training.samples import Sample
from training.training_run import TrainingRun, TrainingState
from training.workers import use_one_core

DEVICE = os.environ.get("ICH_NODE_BENCH_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
WORKERS = int(os.environ.get("ICH_NODE_BENCH_WORKERS", str(os.cpu_count())))
SECONDS = float(os.environ.get("ICH_NODE_BENCH_SECONDS", "8"))  # for each figure
RSNA_SLICES = 752_803
RECIPES = (("product", 16), ("product", 64), ("published", 128), ("paper", 128))
STUDIES = 8
WARM_UP_STEPS = 20  # the workers start, CUDA chooses its kernels
IN_MEMORY = 4  # batches that are used again and again


class TimeIsUp(Exception):
    """SECONDS have passed."""


class Clock:
    """Counts what comes after the warm-up; raises TimeIsUp after SECONDS."""

    def __init__(self) -> None:
        self.steps, self.seconds = -WARM_UP_STEPS, 0.0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 0:
            self._began = time.perf_counter()
        elif self.steps > 0:
            self.seconds = time.perf_counter() - self._began
            if self.seconds >= SECONDS:
                raise TimeIsUp


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
            run_folder = folder / f"{preset_name}-{batch}"
            run_folder.mkdir()
            run = TrainingRun(
                preset=preset,
                training=examples,
                validation=examples,
                folder=run_folder,
                device=DEVICE,
                workers=WORKERS,
            )
            samples, steps, both = (
                batch * measure(run) for measure in (samples_alone, steps_alone, as_train_runs)
            )
            hours = RSNA_SLICES * preset.epochs / both / 3600
            rows.append(
                [
                    f"{preset_name}, batches of {batch}",
                    *(f"{rate:.0f}" for rate in (samples, steps, both)),
                    f"{1000 * batch / steps:.1f}",
                    f"{preset.epochs:g}",
                    f"{hours:.1f}",
                ]
            )
    gpu = f"one {torch.cuda.get_device_name()}" if DEVICE == "cuda" else "the CPU"
    write_table(
        f"training-{DEVICE}",
        f"Slices per second learned on {gpu} from a cache of 512 x 512 pixels, {WORKERS} workers; "
        f"hours: {RSNA_SLICES:,} slices per epoch at this rate",
        [
            "recipe",
            "samples alone",
            "steps alone",
            "both, as `train run`",
            "ms per step",
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
    return list(read_dataset(folder, kind="phantom").series)


def write_phantom(folder: Path, seed: int) -> None:
    make_study(seed, bleeds=BLEED_KINDS[:1]).write(folder)


def as_many_as_rsna(cache: Path, labelled: list[LabelledSeries], preset: Preset) -> CacheExamples:
    """The examples of the cache, repeated so that no epoch ends while the clock runs."""
    few, _ = examples_of_cache(cache, labelled, preset.input)
    again = np.arange(RSNA_SLICES) % len(few)
    columns = {
        name: getattr(few, name)[again]
        for name in ("label_N", "series_N", "shift_N", "first_N", "count_N")
    }
    return replace(few, **columns)


def samples_alone(run: TrainingRun) -> float:
    """Batches per second."""
    return rate_of(training_batches(run, 0), lambda _: None)


def steps_alone(run: TrainingRun) -> float:
    """Batches per second, the same few again and again, so that no step waits for samples."""
    network = MilNetwork(run.preset.network).to(
        device=run.device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    state = TrainingState()
    few = list(islice(training_batches(run, 0), IN_MEMORY))
    return rate_of(
        cycle(few),
        lambda samples: take_step(
            run, model=network, optimiser=optimiser, samples=samples, state=state
        ),
    )


def as_train_runs(run: TrainingRun) -> float:
    """Batches per second of `train run`."""
    clock = Clock()
    with suppress(TimeIsUp):
        train(run, lambda *_: clock.step())
    return clock.steps / clock.seconds


def rate_of(batches: Iterable[Sample], learn: Callable[[Sample], None]) -> float:
    """Batches per second."""
    clock = Clock()
    with suppress(TimeIsUp):
        for samples in batches:
            learn(samples)
            clock.step()
    return clock.steps / clock.seconds


if __name__ == "__main__":
    main()
