"""The network by torch, on a CPU or a GPU: batch norms folded into the convolutions, channels last, ReLU in place."""

from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ich_node.detection.engines.engine import Output
from ich_node.detection.network import MilNetwork

# On a CPU the first layers of more slices leave the cache: 8 at once take half as long again as 2. A GPU is idle with fewer.
CPU_BATCH = 2
GPU_BATCH = 16


class TorchEngine:
    """Raises torch.OutOfMemoryError and torch.AcceleratorError as CUDA gives them, on making and on running."""

    def __init__(self, network: MilNetwork, device: str = "cpu") -> None:
        self.network = folded(network).to(torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = torch.device(device)

    @property
    def name(self) -> str:
        return "torch" if self._device.type == "cpu" else f"torch on {self._device.type}"

    @property
    def batch(self) -> int:
        return CPU_BATCH if self._device.type == "cpu" else GPU_BATCH

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        batch_BCYX = torch.from_numpy(x_BCYX)
        if self._device.type != "cpu":
            batch_BCYX = batch_BCYX.pin_memory()  # else CUDA copies it to pinned memory by itself, piece by piece
        with torch.inference_mode():
            output = self.network(batch_BCYX.to(self._device, memory_format=torch.channels_last, non_blocking=True))
        return output.logit_B.cpu().numpy(), output.likelihood_BYX.cpu().numpy()


def folded(network: MilNetwork) -> MilNetwork:
    """A copy for use, not for training, with half the layers: a batch norm scales and shifts what a convolution can."""
    copy = deepcopy(network).eval()
    for module in copy.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
        elif isinstance(module, nn.ReLU):
            module.inplace = True  # it follows a convolution, whose output nobody else reads
    return copy


def _fold(layers: nn.Sequential) -> None:
    for (name, layer), (next_name, next_layer) in pairwise(list(layers.named_children())):
        if isinstance(layer, nn.Conv2d) and isinstance(next_layer, nn.BatchNorm2d):
            layers.register_module(name, fuse_conv_bn_eval(layer, next_layer))
            layers.register_module(next_name, nn.Identity())
