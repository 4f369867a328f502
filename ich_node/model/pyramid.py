"""A feature pyramid (Lin et al. 2017): a cell of the map depends on its place in detail and on the
whole head around it.

The published extractor spends most of its time on full-resolution layers of 12 channels, and a cell
of its map depends on the 65 mm around it. Here the first layer halves the image, five levels go
down to 1/32, and the deep levels are added to the level of the map: ten times the weights in a
third of the time, and a chronic collection over half a hemisphere can be compared with the other
half.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ich_node.model.blocks import ResidualBlock, conv_unit

BLOCKS = (1, 1, 2, 2, 2)  # residual blocks per level
MAP_LEVEL = 1  # the map has the resolution of the second level, 1/4


class Pyramid(nn.Module):
    """x_BCYX (B, in_channels, size, size) -> (B, widths[1], size / 4, size / 4); size is a multiple
    of 32.
    """

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        entries = [
            conv_unit(before, width, stride=2)
            for before, width in zip((in_channels, *widths), widths, strict=False)
        ]
        self.levels = nn.ModuleList(
            nn.Sequential(entry, *(ResidualBlock(width, width) for _ in range(blocks)))
            for entry, width, blocks in zip(entries, widths, BLOCKS, strict=True)
        )
        channels = widths[MAP_LEVEL]
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths[MAP_LEVEL:])
        self.merge = conv_unit(channels, channels)

    @override
    def forward(self, x_BCYX: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for level in self.levels:
            x_BCYX = level(x_BCYX)
            outputs.append(x_BCYX)
        (*finer, deepest) = [
            lateral(output)
            for lateral, output in zip(self.laterals, outputs[MAP_LEVEL:], strict=True)
        ]
        for output in reversed(finer):
            deepest = output + functional.interpolate(
                deepest, scale_factor=2.0, mode="bilinear", align_corners=False
            )
        merged: Tensor = self.merge(deepest)
        return merged
