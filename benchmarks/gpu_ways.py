"""Ways to run a network on a GPU, and how they are timed."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from ich_node.model.engines.cuda_engine import WARM_UPS, single_precision
from ich_node.model.engines.torch_engine import folded
from ich_node.model.network import MilNetwork, MilOutput

Pass = Callable[[], MilOutput]
ROUNDS = 7
ROUND_SECONDS = 0.03
MOST_CALLS = 50
COPY_BYTES = 2 << 30  # more than any cache holds


@dataclass(frozen=True, kw_only=True)
class Way:
    """tf32: convolutions round their operands, as torch does by default. batches: the sizes to
    measure.
    """

    fold: bool = True
    channels_last: bool = True
    graph: bool = True
    tf32: bool = False
    dtype: torch.dtype = torch.float32
    compiled: bool = False
    batches: tuple[int, ...] = (1, 8, 16, 32, 64, 128)

    def prepare(self, network: MilNetwork, x_BCYX: Tensor) -> Pass:
        """A forward pass of this batch, which is in the GPU's memory."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        chosen = folded(network) if self.fold else deepcopy(network)
        module: Callable[[Tensor], MilOutput] = chosen.to(
            x_BCYX.device, self.dtype, memory_format=layout
        )  # type: ignore[call-overload]
        if self.compiled:
            module = torch.compile(module, dynamic=False)

        def forward() -> MilOutput:
            output: MilOutput = module(x_BCYX.to(self.dtype, memory_format=layout))
            return output

        with torch.inference_mode(), nullcontext() if self.tf32 else single_precision():
            return recorded(forward) if self.graph else within(forward)


def recorded(forward: Pass) -> Pass:
    """As CudaEngine records a pass."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            forward()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            output = forward()

    def replay() -> MilOutput:
        graph.replay()
        return output

    return replay


def within(forward: Pass) -> Pass:
    """Each pass in inference mode and single precision."""

    def run() -> MilOutput:
        with torch.inference_mode(), single_precision():
            return forward()

    return run


def seconds(work: Callable[[], object]) -> float:
    """The time of a call: the median of ROUNDS rounds of calls without a pause, each round about
    ROUND_SECONDS long.
    """
    work()
    calls = max(1, min(MOST_CALLS, round(ROUND_SECONDS / _timed(work, 1))))
    return median(_timed(work, calls) for _ in range(ROUNDS))


def _timed(work: Callable[[], object], calls: int) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(calls):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / calls


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of a copy in the GPU's memory."""
    source = torch.rand(COPY_BYTES // 4, device="cuda")
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / seconds(lambda: target.copy_(source))
