"""The published max-pooling network as it was run: 21 convolutions, of which 9 compute what nobody
uses.

Written from its description: each level has two blocks of three units, both blocks read the level's
entry, and what the first gives is overwritten by the second. With random weights: they do not
change the time.
"""

from itertools import pairwise

from torch import Tensor, nn
from typing_extensions import override

from ich_node.model.blocks import conv_unit

WIDTHS = (3, 12, 24, 36)


class WastefulLevel(nn.Module):
    """As ich_node.model.network.PublishedLevel, with the block whose output is thrown away."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.entry = conv_unit(in_channels, out_channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(conv_unit(out_channels, out_channels) for _ in range(3)))
            for _ in range(2)
        )
        self.pool = nn.MaxPool2d(2)

    @override
    def forward(self, x_BCYX: Tensor) -> Tensor:
        y_BCYX = self.entry(x_BCYX)
        for block in self.blocks:
            sum_BCYX = block(y_BCYX) + y_BCYX
        pooled: Tensor = self.pool(sum_BCYX)
        return pooled


class PublishedNetwork(nn.Module):
    """x_BCYX (B, 3, size, size) -> logit_B, map of (B, size / 8, size / 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Sequential(*(WastefulLevel(*pair) for pair in pairwise(WIDTHS)))
        self.score = nn.Conv2d(WIDTHS[-1], 1, 3, padding=1)

    @override
    def forward(self, x_BCYX: Tensor) -> tuple[Tensor, Tensor]:
        h_BYX = self.score(self.levels(x_BCYX))[:, 0]
        return h_BYX.amax(dim=(1, 2)), h_BYX
