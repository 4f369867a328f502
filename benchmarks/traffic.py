"""The least that a network moves through a GPU's memory: its floor, where memory and not arithmetic
is what it waits for.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ich_node.model.blocks import ResidualBlock
from ich_node.model.network import MilNetwork, PublishedLevel

ITEM_BYTES = 4  # single precision


def floor_bytes(network: MilNetwork, size_px: int) -> tuple[int, int]:
    """Of a slice, and of the weights, which are read once a batch.

    A convolution with its bias and ReLU, and a pooling, reads its input once and writes its output
    once; a sum is made where its last convolution writes, and reads its other half once more.
    Enlarging, and the maximum of the map, are taken for free.
    """
    moved = 0

    def of_layer(_: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal moved
        moved += (inputs[0].numel() + output.numel()) * ITEM_BYTES

    def of_sum(level: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal moved
        # its sum is made before it is pooled
        pooled = 4 if isinstance(level, PublishedLevel) else 1
        moved += output.numel() * pooled * ITEM_BYTES

    modules = list(network.modules())
    hooks = [
        module.register_forward_hook(of_layer)
        for module in modules
        if isinstance(module, nn.Conv2d | nn.MaxPool2d)
    ]
    hooks += [
        module.register_forward_hook(of_sum)
        for module in modules
        if isinstance(module, ResidualBlock | PublishedLevel)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, network.spec.in_channels, size_px, size_px))
    for hook in hooks:
        hook.remove()
    return moved, ITEM_BYTES * sum(weights.numel() for weights in network.parameters())
