"""The network on a CUDA GPU: folded, in batches of one size whose kernels are recorded once and
replayed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ich_node.model.engines.engine import Output
from ich_node.model.engines.fixed_batch import FixedBatch
from ich_node.model.engines.torch_engine import folded
from ich_node.model.network import MilNetwork

BATCH = 16
# CUDA loads its libraries and chooses its kernels in the first run, which a graph cannot record
WARM_UPS = 3


class CudaEngine:
    """Raises torch.OutOfMemoryError and torch.AcceleratorError as CUDA gives them, on making and on
    running.

    Other RuntimeErrors on making: this GPU or driver cannot run it.
    """

    def __init__(self, network: MilNetwork, size_px: int, device: str = "cuda") -> None:
        self._stream = torch.cuda.Stream(torch.device(device))
        shape = (BATCH, network.spec.in_channels, size_px, size_px)
        with torch.cuda.stream(self._stream), torch.inference_mode(), single_precision():
            # channels first: with channels last, single precision is up to a third slower
            on_gpu = folded(network).to(device)
            self._x_BCYX = torch.zeros(shape, device=device)
            for _ in range(WARM_UPS):
                on_gpu(self._x_BCYX)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._output = on_gpu(self._x_BCYX)
            # CUDA copies to and from pinned memory by itself, while the computer goes on
            self._host_x_BCYX, *self._host_output = (
                _pinned(each) for each in (self._x_BCYX, *self._output)
            )
        logit_B, likelihood_BYX = self._host_output
        self._batch = FixedBatch(self._host_x_BCYX, logit_B, likelihood_BYX, self._replay)

    @property
    def name(self) -> str:
        return "torch on cuda"

    @property
    def batch(self) -> int:
        return self._batch.size

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        return self._batch.run(x_BCYX)

    def _replay(self) -> None:
        with torch.cuda.stream(self._stream), torch.inference_mode():
            self._x_BCYX.copy_(self._host_x_BCYX, non_blocking=True)
            self._graph.replay()
            for host, output in zip(self._host_output, self._output, strict=True):
                host.copy_(output, non_blocking=True)
        self._stream.synchronize()


@contextmanager
def single_precision() -> Iterator[None]:
    """Not TF32, to which torch lets convolutions round their operands, nor half precision.

    The shipped bundle's logits would be off by 0.008 (float16: 0.012, bfloat16: 0.11) instead of
    5e-6: a phantom's 30 slices on an H200, beside the CPU. Kernels are chosen by rule rather than
    by a race (`benchmark`): a GPU gives the same bits again.
    """
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


def _pinned(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
