"""The network in torch on a CPU: batch norms folded into the convolutions, channels last, ReLU in
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

# The first layers of more slices do not fit the CPU's cache: 8 at once take 1.5 times as long.
BATCH = 2


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
        """Always in whole batches: the last digits of a slice's map depend on the batch size, and a
        reading that is interrupted and continued must give the same bytes.
        """
        count = len(x_BCYX)
        missing = -count % BATCH
        full_BCYX = np.concatenate([x_BCYX, x_BCYX[-missing:]]) if missing else x_BCYX
        outputs = [self._run_batch(full_BCYX[at : at + BATCH]) for at in range(0, count, BATCH)]
        logit_B, likelihood_BYX = (np.concatenate(part) for part in zip(*outputs, strict=True))
        return logit_B[:count], likelihood_BYX[:count]

    def _run_batch(self, x_BCYX: NDArray[np.float32]) -> Output:
        with torch.inference_mode():
            output = self.network(
                torch.from_numpy(x_BCYX).contiguous(memory_format=torch.channels_last)
            )
        return output.logit_B.numpy(), output.likelihood_BYX.numpy()


def folded(network: MilNetwork) -> MilNetwork:
    """A copy for inference with half the layers: a convolution can do the scaling and shifting of
    the batch norm after it.
    """
    copy = deepcopy(network).eval()
    for module in copy.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
        elif isinstance(module, nn.ReLU):
            module.inplace = True  # it follows a convolution, whose output has no other reader
    return copy


def _fold(layers: nn.Sequential) -> None:
    for (name, layer), (next_name, next_layer) in pairwise(list(layers.named_children())):
        if isinstance(layer, nn.Conv2d) and isinstance(next_layer, nn.BatchNorm2d):
            layers.register_module(name, fuse_conv_bn_eval(layer, next_layer))
            layers.register_module(next_name, nn.Identity())
