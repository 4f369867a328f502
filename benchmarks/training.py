"""How fast a network learns, and what bounds it: the views, the step, or both together as `train
run` does them. `python -m benchmarks.training`.

The three take turns, round after round, so that what disturbs the machine disturbs all of them.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle, islice
from multiprocessing import active_children
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import torch

from benchmarks.side_by_side import write_table
from ich_node.model.network import MilNetwork
from ich_node.phantom import BLEED_KINDS, make_study
from training.cache import fill_cache
from training.cache_examples import examples_of_cache
from training.datasets import LabelledSeries, read_dataset
from training.examples import Examples
from training.loop import take_step, train, training_batches
from training.pool import CHUNK, make_pool
from training.pool_examples import examples_of_pool
from training.presets import PRESETS, Preset
from training.raw_slices import RawBatch
from training.training_run import TrainingRun, TrainingState
from training.views import views
from training.workers import use_one_core

T = TypeVar("T")
DEVICE = os.environ.get("ICH_NODE_BENCH_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
CORES = os.cpu_count() or 1
# on a CPU one worker, as `train run` has by default: the cores are for the steps
WORKERS = int(os.environ.get("ICH_NODE_BENCH_WORKERS", str(CORES if DEVICE == "cuda" else 1)))
SECONDS = float(os.environ.get("ICH_NODE_BENCH_SECONDS", "3"))  # for each figure, in each round
ROUNDS = 3
RSNA_SLICES = 752_803
STUDIES = 8
WARM_UP_STEPS = 20 if DEVICE == "cuda" else 1  # the workers start, CUDA chooses its kernels
IN_MEMORY = 4  # batches that are used again and again


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """source: "cache" has series of 512 x 512 pixels, "pool" slices of 256 x 256 with masks."""

    preset: str
    batch: int
    source: str


RECIPES = {
    "cpu": (
        Recipe(preset="product", batch=16, source="pool"),
        Recipe(preset="product", batch=16, source="cache"),
    ),
    "cuda": (
        Recipe(preset="product", batch=16, source="cache"),
        Recipe(preset="product", batch=64, source="cache"),
        Recipe(preset="product", batch=64, source="pool"),
        Recipe(preset="published", batch=128, source="cache"),
        Recipe(preset="paper", batch=128, source="cache"),
    ),
}[DEVICE]


class TimeIsUp(Exception):
    """SECONDS have passed."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """slices_per_second: by the wall clock. cpu_ms: of all processes, per slice."""

    slices_per_second: float
    cpu_ms: float


class Clock:
    """Counts the steps that come after the warm-up; raises TimeIsUp after SECONDS."""

    def __init__(self, batch: int) -> None:
        self.batch, self.steps = batch, -WARM_UP_STEPS
        self.wall_s = self.cpu_s = 0.0

    def step(self) -> None:
        self.steps += 1
        if self.steps == 0:
            self._began = time.perf_counter(), cpu_s()
        elif self.steps > 0:
            self.wall_s = time.perf_counter() - self._began[0]
            if self.wall_s >= SECONDS:
                self.cpu_s = cpu_s() - self._began[1]
                raise TimeIsUp

    def rate(self) -> Rate:
        slices = self.steps * self.batch
        return Rate(slices_per_second=slices / self.wall_s, cpu_ms=1000 * self.cpu_s / slices)


def cpu_s() -> float:
    """Of this process and of its workers."""
    ticks = sum(
        sum(map(int, Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        for child in active_children()
    )
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Writes the table."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labelled = phantoms(folder / "studies")
        fill_cache(folder / "cache", labelled, workers=CORES)
        list(make_pool(folder / "pool", CHUNK * min(CORES, 8), seed=1, workers=CORES))
        for recipe in RECIPES:
            preset = PRESETS[recipe.preset].adjusted(batch=recipe.batch)
            examples = (
                of_pool(folder / "pool", preset)
                if recipe.source == "pool"
                else of_cache(folder / "cache", labelled, preset)
            )
            run_folder = folder / f"{recipe.preset}-{recipe.batch}-{recipe.source}"
            run_folder.mkdir()
            run = TrainingRun(
                preset=preset,
                training=examples,
                validation=examples,
                folder=run_folder,
                device=DEVICE,
                workers=WORKERS,
            )
            rows.append(row_of(recipe, run))
    where = (
        f"one {torch.cuda.get_device_name()}"
        if DEVICE == "cuda"
        else f"the CPU with {torch.get_num_threads()} threads"
    )
    write_table(
        f"training-{DEVICE}",
        f"Slices per second learned on {where}, {WORKERS} workers, medians of {ROUNDS} rounds in "
        f"turns; CPU ms: per slice, of all processes; hours: {RSNA_SLICES:,} slices per epoch at "
        f"the rate of `train run`",
        [
            "recipe",
            "views alone",
            "steps alone",
            "`train run`",
            "% of the steps",
            "CPU ms: views",
            "steps",
            "`train run`",
            "epochs",
            "hours",
        ],
        rows,
        packages=["torch", "numpy", "scipy"],
    )


def row_of(recipe: Recipe, run: TrainingRun) -> list[str]:
    """All three in turns."""
    rounds = [
        [measure(run) for measure in (views_alone, steps_alone, as_train_runs)]
        for _ in range(ROUNDS)
    ]
    made, stepped, whole = (
        Rate(
            slices_per_second=median(rate.slices_per_second for rate in rates),
            cpu_ms=median(rate.cpu_ms for rate in rates),
        )
        for rates in zip(*rounds, strict=True)
    )
    epochs = run.preset.epochs
    # of rounds, not of medians: what disturbs a round disturbs both of its rates
    share = median(each[2].slices_per_second / each[1].slices_per_second for each in rounds)
    return [
        f"{recipe.preset}, batches of {recipe.batch}, {recipe.source}",
        *(f"{rate.slices_per_second:.3g}" for rate in (made, stepped, whole)),
        f"{100 * share:.0f}",
        *(f"{rate.cpu_ms:.2f}" for rate in (made, stepped, whole)),
        f"{epochs:g}",
        f"{RSNA_SLICES * epochs / whole.slices_per_second / 3600:.1f}",
    ]


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


def of_cache(cache: Path, labelled: list[LabelledSeries], preset: Preset) -> Examples:
    """The examples of the cache, repeated so that no epoch ends while the clock runs."""
    few, _ = examples_of_cache(cache, labelled, preset.input)
    again = np.arange(RSNA_SLICES) % len(few)
    names = ("label_N", "series_N", "shift_N", "first_N", "count_N")
    return replace(few, **{name: getattr(few, name)[again] for name in names})


def of_pool(folder: Path, preset: Preset) -> Examples:
    """The same of a pool."""
    few = examples_of_pool(folder, preset.input)
    times = RSNA_SLICES // len(few)
    return replace(
        few,
        chunks=few.chunks * times,
        label_N=np.tile(few.label_N, times),
        shift_N=np.tile(few.shift_N, times),
        series_N=np.arange(times * len(few)),
    )


def views_alone(run: TrainingRun) -> Rate:
    """From the workers' slices to samples on the device."""

    def make(raw: RawBatch) -> None:
        views(raw, run.preset, run.device)
        if run.device == "cuda":
            torch.cuda.synchronize()

    return rate_of(run, training_batches(run, 0), make)


def steps_alone(run: TrainingRun) -> Rate:
    """The same few samples again and again, so that no step waits for any."""
    network = MilNetwork(run.preset.network).to(
        device=run.device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    state = TrainingState()
    few = [
        views(raw, run.preset, run.device) for raw in islice(training_batches(run, 0), IN_MEMORY)
    ]
    return rate_of(
        run,
        cycle(few),
        lambda samples: take_step(
            run, model=network, optimiser=optimiser, samples=samples, state=state
        ),
    )


def as_train_runs(run: TrainingRun) -> Rate:
    """The whole of `train run`."""
    clock = Clock(run.preset.batch)
    with suppress(TimeIsUp):
        train(run, lambda *_: clock.step())
    return clock.rate()


def rate_of(run: TrainingRun, batches: Iterable[T], use: Callable[[T], None]) -> Rate:
    clock = Clock(run.preset.batch)
    with suppress(TimeIsUp):
        for batch in batches:
            use(batch)
            clock.step()
    return clock.rate()


if __name__ == "__main__":
    main()
