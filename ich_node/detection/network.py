"""The MIL network: a residual feature extractor and a head that gives a slice logit and a likelihood map.

Source: Nemcek, Vicar, Jakubicek 2021, §II-B and §II-C, eq. 1-3; the gated attention is Ilse et al. 2018.
Two extractors by name, because the paper's text and the authors' trained weights differ:

- `paper`: 3 levels of 3 residual blocks with 2 convolutions each (18), 2 poolings: the map is 1/4 of the input.
- `published`: what the authors' checkpoints compute: 12 convolutions, one block of 3 a level, 3 poolings: 1/8.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Everything that decides the shape of the network."""

    architecture: Literal["paper", "published"] = "published"
    head: Literal["max", "attention"] = "max"
    in_channels: int = 3
    widths: tuple[int, int, int] = (12, 24, 36)


class MilOutput(NamedTuple):
    """logit_B: the slice's log-odds of hemorrhage. likelihood_BYX: logits (max head) or weights that sum to 1 (attention)."""

    logit_B: Tensor
    likelihood_BYX: Tensor


def conv_unit(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU())


class PublishedLevel(nn.Module):
    """An entry unit and a residual block of three units; no ReLU after the sum; then pooling by 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.entry = conv_unit(in_channels, out_channels)
        self.block = nn.Sequential(*(conv_unit(out_channels, out_channels) for _ in range(3)))
        self.pool = nn.MaxPool2d(2)

    def forward(self, x_BCYX: Tensor) -> Tensor:
        y_BCYX = self.entry(x_BCYX)
        pooled: Tensor = self.pool(self.block(y_BCYX) + y_BCYX)
        return pooled


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016); a 1x1 projection where the width changes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            conv_unit(in_channels, out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x_BCYX: Tensor) -> Tensor:
        return torch.relu(self.convs(x_BCYX) + self.shortcut(x_BCYX))


class PaperLevel(nn.Sequential):
    """Three residual blocks of two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(*(ResidualBlock(in_channels if block == 0 else out_channels, out_channels) for block in range(3)))


class MaxHead(nn.Module):
    """Eq. 1: a scalar map h_k, its maximum is the logit.

    The fully connected layer that the paper puts behind the maximum would scale one number; the convolution does that already.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, h_BCYX: Tensor) -> MilOutput:
        h_BYX = self.score(h_BCYX)[:, 0]
        return MilOutput(h_BYX.amax(dim=(1, 2)), h_BYX)


class AttentionHead(nn.Module):
    """Eq. 2 and 3: z is the mean of h_k weighted by gated attention a_k; a linear layer makes the logit. The map is a_k."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.v = nn.Conv2d(channels, channels, 1)
        self.u = nn.Conv2d(channels, channels, 1)
        self.w = nn.Conv2d(channels, 1, 1)
        self.score = nn.Conv2d(channels, 1, 1)

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
        level1, level2, level3 = spec.widths
        pairs = ((spec.in_channels, level1), (level1, level2), (level2, level3))
        if spec.architecture == "published":
            self.features = nn.Sequential(*(PublishedLevel(*pair) for pair in pairs))
        else:
            first, second, third = (PaperLevel(*pair) for pair in pairs)
            self.features = nn.Sequential(first, nn.MaxPool2d(2), second, nn.MaxPool2d(2), third)
        self.head = MaxHead(level3) if spec.head == "max" else AttentionHead(level3)
        self.apply(_initialise)

    def forward(self, x_BCYX: Tensor) -> MilOutput:
        output: MilOutput = self.head(self.features(x_BCYX))
        return output


def _initialise(module: nn.Module) -> None:
    """Xavier-normal weights and zero biases, as in the authors' code."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
