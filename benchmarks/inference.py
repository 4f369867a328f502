"""The network: as published, by each engine, and the product's own. `python -m
benchmarks.inference`.
"""

import os
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.onnxruntime_peer import by_onnxruntime, onnxruntime_is_installed
from benchmarks.published_network import PublishedNetwork
from benchmarks.side_by_side import TIMING_COLUMNS, take_turns, timing_cells, write_table
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.engines.engine import Engine
from ich_node.model.engines.openvino_engine import OpenVinoEngine, openvino_is_installed
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.model.network import MilNetwork, NetworkSpec

THREADS = int(os.environ.get("ICH_NODE_BENCH_THREADS", "2"))
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))
SIZE_PX = 256
SLICES = 8
GEMM = 2048


def main() -> None:
    """Writes the table."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    x_BCYX = np.random.default_rng(1).normal(size=(SLICES, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    published, product = MilNetwork(NetworkSpec()).eval(), open_bundle(shipped_bundle()).network()
    as_published = PublishedNetwork().eval()
    needed = {"published": flops(published), "product": flops(product)}
    contestants: dict[str, Callable[[], object]] = {"GEMM": gemm()}
    for batch in (SLICES, 1):
        contestants[f"published, as published, batches of {batch}"] = eagerly(
            as_published, x_BCYX, batch
        )
    for name, network in (("published", published), ("product", product)):
        contestants[f"{name}, torch engine"] = in_batches(TorchEngine(network), x_BCYX)
        if openvino_is_installed():
            contestants[f"{name}, openvino engine"] = in_batches(
                OpenVinoEngine(network, SIZE_PX), x_BCYX
            )
        if onnxruntime_is_installed():
            contestants[f"{name}, onnxruntime"] = by_onnxruntime(network, x_BCYX, THREADS)
    timings = take_turns(contestants, rounds=ROUNDS, repeats=SLICES)
    peak = timings.pop("GEMM")
    peak_flops_per_ms = 2 * GEMM**3 / SLICES / np.array([peak.wall_ms, peak.cpu_ms])
    published_timings = [timing for name, timing in timings.items() if "as published" in name]
    wall_ms, cpu_ms = (
        min(timing.wall_ms for timing in published_timings),
        min(timing.cpu_ms for timing in published_timings),
    )
    rows = []
    for name, timing in timings.items():
        flops_per_ms = needed[name.partition(",")[0]] / np.array([timing.wall_ms, timing.cpu_ms])
        share = 100 * flops_per_ms / peak_flops_per_ms
        faster = [f"{wall_ms / timing.wall_ms:.1f}", f"{cpu_ms / timing.cpu_ms:.1f}"]
        rows.append([name, *timing_cells(timing), *faster, f"{share[0]:.0f}", f"{share[1]:.0f}"])
    write_table(
        f"inference-threads-{THREADS}",
        f"A slice of {SIZE_PX} x {SIZE_PX} through the network, threads: {THREADS}, "
        f"{ROUNDS} rounds of {SLICES} slices; "
        f"GEMM {2 * GEMM**3 / SLICES / peak.wall_ms / 1e6:.0f} GFLOP/s; "
        + ", ".join(f"{name} needs {value / 1e9:.2f} GFLOP" for name, value in needed.items()),
        ["network", *TIMING_COLUMNS, "times faster", "by CPU", "% of GEMM", "% by CPU"],
        rows,
        packages=["torch", "openvino", "onnxruntime"],
    )


def eagerly(network: nn.Module, x_BCYX: NDArray[np.float32], batch: int) -> Callable[[], object]:
    """As the published code runs it: no folding, channels first."""

    def run() -> None:
        with torch.no_grad():
            for part_BCYX in torch.from_numpy(x_BCYX).split(batch):
                network(part_BCYX)

    return run


def in_batches(engine: Engine, x_BCYX: NDArray[np.float32]) -> Callable[[], object]:
    """As the Detector calls an engine."""
    batches = [
        x_BCYX[start : start + engine.batch] for start in range(0, len(x_BCYX), engine.batch)
    ]
    return lambda: [engine.run(batch_BCYX) for batch_BCYX in batches]


def gemm() -> Callable[[], object]:
    """The peak of this machine: one product of large matrices."""
    left, right = torch.rand(GEMM, GEMM), torch.rand(GEMM, GEMM)
    return lambda: left @ right


def flops(network: nn.Module) -> float:
    """Of all convolutions for one slice, counting a multiplication and an addition as two."""
    counted: list[float] = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        counted.append(
            2 * output[0].numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        )

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    eagerly(network, np.zeros((1, 3, SIZE_PX, SIZE_PX), np.float32), 1)()
    for hook in hooks:
        hook.remove()
    return sum(counted)


if __name__ == "__main__":
    main()
