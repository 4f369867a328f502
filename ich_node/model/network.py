"""The MIL network: a residual feature extractor and a head that gives a slice logit and a
likelihood map.

Source: Nemcek, Vicar, Jakubicek 2021, §II-B and §II-C, eq. 1-3; the gated attention is Ilse et al.
2018. There are three extractors: two because the paper's text and the authors' trained weights
differ, and ours:

- `paper`: 3 levels of 3 residual blocks with 2 convolutions each (18), 2 poolings; the map is 1/4
  of the input.
- `published`: what the authors' checkpoints compute: 12 convolutions, one block of 3 per level, 3
  poolings; the map is 1/8.
- `pyramid`: see pyramid.py; the map is 1/4.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from typing_extensions import override

from ich_node.model.blocks import ResidualBlock, conv_unit
from ich_node.model.pyramid import MAP_LEVEL, Pyramid

WIDTHS = {"paper": (12, 24, 36), "published": (12, 24, 36), "pyramid": (16, 32, 48, 64, 96)}


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Everything that decides what the network computes.

    widths: channels of each level. mirrored: in evaluation mode, not in training, the map is the
    mean of the maps of the slice and of its mirror image.
    """

    architecture: Literal["paper", "published", "pyramid"] = "published"
    head: Literal["max", "attention"] = "max"
    in_channels: int = 3
    widths: tuple[int, ...] = WIDTHS["published"]
    mirrored: bool = False


class MilOutput(NamedTuple):
    """logit_B: the slice's log-odds of hemorrhage. likelihood_BYX: logits (max head) or weights
    that sum to 1 (attention).
    """

    logit_B: Tensor
    likelihood_BYX: Tensor


class PublishedLevel(nn.Module):
    """An entry unit and a residual block of three units, no ReLU after the sum, pooling by 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.entry = conv_unit(in_channels, out_channels)
        self.block = nn.Sequential(*(conv_unit(out_channels, out_channels) for _ in range(3)))
        self.pool = nn.MaxPool2d(2)

    @override
    def forward(self, x_BCYX: Tensor) -> Tensor:
        y_BCYX = self.entry(x_BCYX)
        pooled: Tensor = self.pool(self.block(y_BCYX) + y_BCYX)
        return pooled


class PaperLevel(nn.Sequential):
    """Three residual blocks of two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            *(
                ResidualBlock(in_channels if block == 0 else out_channels, out_channels)
                for block in range(3)
            )
        )


class MaxHead(nn.Module):
    """Eq. 1: a scalar map h_k, its maximum is the logit.

    The fully connected layer that the paper has after the maximum would only scale one number,
    which the convolution can do.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 3, padding=1)

    @override
    def forward(self, h_BCYX: Tensor) -> MilOutput:
        h_BYX = self.score(h_BCYX)[:, 0]
        return MilOutput(h_BYX.amax(dim=(1, 2)), h_BYX)


class AttentionHead(nn.Module):
    """Eq. 2 and 3: z is the mean of h_k weighted by gated attention a_k; the logit is linear in z.
    The map is a_k.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.v = nn.Conv2d(channels, channels, 1)
        self.u = nn.Conv2d(channels, channels, 1)
        self.w = nn.Conv2d(channels, 1, 1)
        self.score = nn.Conv2d(channels, 1, 1)

    @override
    def forward(self, h_BCYX: Tensor) -> MilOutput:
        gated_BCYX = torch.tanh(self.v(h_BCYX)) * torch.sigmoid(self.u(h_BCYX))
        a_BYX = torch.softmax(self.w(gated_BCYX).flatten(1), dim=1).unflatten(1, h_BCYX.shape[2:])
        z_BC11 = (a_BYX[:, None] * h_BCYX).sum(dim=(2, 3), keepdim=True)
        return MilOutput(self.score(z_BC11)[:, 0, 0, 0], a_BYX)


class MilNetwork(nn.Module):
    """x_BCYX float32 (B, in_channels, size, size) -> MilOutput."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        pairs = list(pairwise((spec.in_channels, *spec.widths)))
        channels = spec.widths[-1]
        if spec.architecture == "pyramid":
            self.features: nn.Module = Pyramid(spec.in_channels, spec.widths)
            channels = spec.widths[MAP_LEVEL]
        elif spec.architecture == "published":
            self.features = nn.Sequential(*(PublishedLevel(*pair) for pair in pairs))
        else:
            first, second, third = (PaperLevel(*pair) for pair in pairs)
            self.features = nn.Sequential(first, nn.MaxPool2d(2), second, nn.MaxPool2d(2), third)
        self.head = MaxHead(channels) if spec.head == "max" else AttentionHead(channels)
        self.apply(_initialise)

    @override
    def forward(self, x_BCYX: Tensor) -> MilOutput:
        output: MilOutput = self.head(self.features(x_BCYX))
        if self.training or not self.spec.mirrored:
            return output
        other: MilOutput = self.head(self.features(x_BCYX.flip(3)))
        likelihood_BYX = (output.likelihood_BYX + other.likelihood_BYX.flip(2)) / 2
        if self.spec.head == "max":
            return MilOutput(likelihood_BYX.amax(dim=(1, 2)), likelihood_BYX)
        return MilOutput((output.logit_B + other.logit_B) / 2, likelihood_BYX)


def _initialise(module: nn.Module) -> None:
    """Xavier-normal weights and zero biases, as in the authors' code."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
