"""The network by torch on a CPU: batch norms folded into the convolutions, channels last, ReLU in
place.
"""

from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ich_node.model.engines.engine import Output
from ich_node.model.network import MilNetwork

BATCH = 2  # the first layers of more slices leave the cache: 8 at once take half as long again


class TorchEngine:
    """In single precision, on as many threads as torch has."""

    def __init__(self, network: MilNetwork) -> None:
        self.network = folded(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub

    @property
    def name(self) -> str:
        return "torch"

    @property
    def batch(self) -> int:
        return BATCH

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        with torch.inference_mode():
            output = self.network(
                torch.from_numpy(x_BCYX).contiguous(memory_format=torch.channels_last)
            )
        return output.logit_B.numpy(), output.likelihood_BYX.numpy()


def folded(network: MilNetwork) -> MilNetwork:
    """A copy for use, not for training, with half the layers: a batch norm scales and shifts what a
    convolution can.
    """
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
