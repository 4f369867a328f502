"""The network on a GPU: each way to run it, beside the time of its memory traffic alone. `python -m
benchmarks.gpu`.
"""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu_ways import Way, copy_bandwidth, seconds
from benchmarks.side_by_side import write_table
from benchmarks.traffic import floor_bytes
from ich_node.detection.brain_shift import brain_shift
from ich_node.detection.network_input import to_network_input
from ich_node.detection.slabs import to_slabs
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.engines.cuda_engine import CudaEngine
from ich_node.model.network import MilNetwork, MilOutput, NetworkSpec
from ich_node.phantom import make_study
from ich_node.series.read import read_series
from ich_node.series.series import Series

BATCHES = Way().batches
WAYS = {
    "as trained, eager": Way(fold=False, channels_last=False, graph=False),
    "folded, eager": Way(channels_last=False, graph=False),
    "folded, channels last, eager": Way(graph=False),
    "folded, graph": Way(channels_last=False),
    "folded, channels last, graph": Way(),
    "the same, torch.compile": Way(compiled=True, batches=(32,)),
    "the same, TF32": Way(tf32=True),
    "the same, float16": Way(dtype=torch.float16),
    "the same, bfloat16": Way(dtype=torch.bfloat16),
}


def main() -> None:
    """Writes the table. The errors are against the same network on the CPU, eager, for a phantom's
    slices.

    The published network has random weights here. They do not change the time, but the errors of
    trained weights are others.
    """
    torch.manual_seed(1)
    bundle = open_bundle(shipped_bundle())
    x_BCYX = inputs(read_series(make_study(seed=7).datasets()), bundle)
    networks = {"published": MilNetwork(NetworkSpec()).eval(), "product": bundle.network()}
    bytes_per_second = copy_bandwidth()
    rows, floors = [], []
    for name, network in networks.items():
        slice_bytes, weights = floor_bytes(network, bundle.input.size_px)
        floors.append(
            f"{name} {slice_bytes / 1e6:.1f} MB per slice and {weights / 1e6:.2f} MB per batch"
        )
        with torch.inference_mode():
            expected = network(torch.from_numpy(x_BCYX))
        for way_name, way in WAYS.items():
            rates = {batch: rate_of(network, way, repeated(x_BCYX, batch)) for batch in way.batches}
            best = max(rates, key=lambda batch: rates[batch])
            floor = (
                (slice_bytes + weights / best)
                * way.dtype.itemsize
                / torch.float32.itemsize
                / bytes_per_second
            )
            errors = difference(way.prepare(network, torch.from_numpy(x_BCYX).cuda())(), expected)
            rows.append(
                [
                    f"{name}: {way_name}",
                    *rate_cells(rates),
                    f"{100 * floor * rates[best]:.1f}",
                    *errors,
                ]
            )
        engine = CudaEngine(network, bundle.input.size_px)
        rates = {
            batch: batch / seconds(partial(engine.run, repeated(x_BCYX, batch)))
            for batch in BATCHES
        }
        rows.append(
            [
                f"{name}: CudaEngine from and to the computer's memory",
                *rate_cells(rates),
                "",
                *of_engine(engine, x_BCYX, expected),
            ]
        )
    write_table(
        "gpu",
        f"Slices per second through the network on one {torch.cuda.get_device_name()}, "
        f"copies {bytes_per_second / 1e12:.2f} TB/s read and written; "
        f"floor in single precision: {'; '.join(floors)}",
        [
            "network",
            *(f"batch {batch}" for batch in BATCHES),
            "% of the floor",
            "logit off by",
            "map off by",
        ],
        rows,
        packages=["torch"],
    )


def inputs(series: Series, bundle: Bundle) -> NDArray[np.float32]:
    """As the Detector makes them."""
    slabs = to_slabs(series, bundle.input.slab_mm)
    shift_hu = brain_shift((slab.slice for slab in slabs), bundle.input.brain_hu)
    return np.stack(
        [to_network_input(slab.slice, bundle.input, shift_hu=shift_hu).image_CYX for slab in slabs]
    )


def repeated(x_BCYX: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return x_BCYX[np.arange(count) % len(x_BCYX)]


def rate_of(network: MilNetwork, way: Way, x_BCYX: NDArray[np.float32]) -> float:
    """Slices per second."""
    return len(x_BCYX) / seconds(way.prepare(network, torch.from_numpy(x_BCYX).cuda()))


def rate_cells(rates: dict[int, float]) -> list[str]:
    return [f"{rates[batch]:.0f}" if batch in rates else "" for batch in BATCHES]


def difference(output: MilOutput, expected: MilOutput) -> list[str]:
    return [
        f"{(one.float().cpu() - other).abs().max():.1e}"
        for one, other in zip(output, expected, strict=True)
    ]


def of_engine(engine: CudaEngine, x_BCYX: NDArray[np.float32], expected: MilOutput) -> list[str]:
    logit_B, likelihood_BYX = engine.run(x_BCYX)
    return difference(
        MilOutput(torch.from_numpy(logit_B), torch.from_numpy(likelihood_BYX)), expected
    )


if __name__ == "__main__":
    main()
