"""From a series to its findings with each engine that this machine has, and the engine's part of
it. `python -m benchmarks.reading`.
"""

import os
import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.side_by_side import TIMING_COLUMNS, take_turns, timing_cells, write_table
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.cuda_engine import CudaEngine
from ich_node.model.engines.engine import Engine, Output
from ich_node.model.engines.openvino_engine import OpenVinoEngine, openvino_is_installed
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.phantom import make_study
from ich_node.series.read import read_series
from ich_node.series.series import Series

THREADS = int(os.environ.get("ICH_NODE_BENCH_THREADS", "2"))
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))
SLICES = (36, 300)
SLICE_MM = 5.0


class TimedEngine:
    """An engine that counts the seconds spent in it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.seconds = engine, 0.0

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def batch(self) -> int:
        return self.engine.batch

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        began = time.perf_counter()
        output = self.engine.run(x_BCYX)
        self.seconds += time.perf_counter() - began
        return output


def main() -> None:
    """Writes the table."""
    torch.set_num_threads(THREADS)
    bundle = open_bundle(shipped_bundle())
    engines = {name: TimedEngine(engine) for name, engine in engines_here(bundle).items()}
    rows = []
    for count in SLICES:
        series, spent = series_of(count), {name: engine.seconds for name, engine in engines.items()}
        timings = take_turns(
            {
                name: partial(Detector(bundle, engine).read, series)
                for name, engine in engines.items()
            },
            rounds=ROUNDS,
            repeats=1,
        )
        for name, timing in timings.items():
            # ROUNDS + 1: take_turns reads once before its clock runs
            network_ms = 1000 * (engines[name].seconds - spent[name]) / (ROUNDS + 1)
            rows.append(
                [
                    f"{count} slices, {name}",
                    *timing_cells(timing),
                    f"{network_ms:.1f}",
                    f"{timing.wall_ms - network_ms:.1f}",
                ]
            )
    write_table(
        "reading",
        f"A series in memory to its findings, ms; the shipped bundle, threads: {THREADS}, "
        f"{ROUNDS} rounds; every slice is read"
        + (f"; GPU: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""),
        ["series", *TIMING_COLUMNS, "in the engine", "in the rest"],
        rows,
        packages=["torch", "openvino"],
    )


def engines_here(bundle: Bundle) -> dict[str, Engine]:
    """torch on the CPU, and the engines that are installed."""
    engines: dict[str, Engine] = {"torch": TorchEngine(bundle.network())}
    if openvino_is_installed():
        engines["openvino"] = OpenVinoEngine(bundle.network(), bundle.input.size_px)
    if torch.cuda.is_available():
        engines["cuda"] = CudaEngine(bundle.network(), bundle.input.size_px)
    return engines


def series_of(count: int) -> Series:
    """A phantom's slices, repeated, at distances at which every slice is read."""
    phantom = read_series(make_study(seed=7).datasets())
    slices = [
        replace(
            phantom.slices[index % len(phantom.slices)],
            sop_instance_uid=f"2.25.{index}",
            position_mm=SLICE_MM * index,
        )
        for index in range(count)
    ]
    return replace(phantom, slices=tuple(slices))


if __name__ == "__main__":
    main()
