"""The strip of the page: a bar for the probability of each slice, at its height in the head, with
what was not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

from ich_node.percent import percent_text
from ich_node.report.drawing import WHITE, font_of

QUIET = (150, 150, 150)
BELOW = (95, 120, 150)
# Orange and blue differ with every kind of colour vision.
ABOVE = (249, 160, 30)
UNREAD = (150, 30, 40)
STACK_GAP_PX = 14
LEFT_PX = 96  # for the threshold's words


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A slice. stack, position_mm: as in Slice."""

    stack: int
    position_mm: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class Strip:
    """bars: in the order of the series. holes_mm: from, to, of what was not read. first, last: the
    names of the outermost slices.
    """

    bars: tuple[Bar, ...]
    threshold: float
    first: str
    last: str
    holes_mm: tuple[tuple[float, float], ...] = ()


def draw_strip(
    draw: ImageDraw.ImageDraw, strip: Strip, *, box: tuple[int, int, int, int], size_px: int
) -> int:
    """The slice nearest to the feet is at the left, of each stack. Returns the height in use."""
    left, top, right, bottom = box
    left += LEFT_PX
    height = bottom - top
    for start, end, bar in _places(strip, left, right):
        if bar is None:
            draw.rectangle([start, top, end - 1, bottom], fill=UNREAD)
            continue
        colour = ABOVE if bar.probability >= strip.threshold else BELOW
        space = 2 if end - start > 6 else 0
        high = bottom - max(2, round(bar.probability * height))
        draw.rectangle([start, high, max(start, end - 1 - space), bottom], fill=colour)
    line = bottom - round(strip.threshold * height)
    draw.line([(left, line), (right, line)], fill=WHITE, width=2)
    font = font_of(size_px)
    draw.text((left - 10, line), percent_text(strip.threshold), font=font, fill=WHITE, anchor="rm")
    below = bottom + 22
    unread = ", red: not read" if strip.holes_mm else ""
    for x, words, anchor in (
        (left, f"{strip.first}, base", "lm"),
        ((left + right) // 2, f"score of each slice{unread}", "mm"),
        (right, f"vertex, {strip.last}", "rm"),
    ):
        draw.text((x, below), words, font=font, fill=QUIET, anchor=anchor)
    return below + 18


def _places(strip: Strip, left: int, right: int) -> Iterator[tuple[float, float, Bar | None]]:
    """Left and right edge of each bar; None: a hole."""
    stacks = sorted({bar.stack for bar in strip.bars})
    a_bar = (right - left - (len(stacks) - 1) * STACK_GAP_PX) / len(strip.bars)
    begin: float = left
    for stack in stacks:
        bars = [bar for bar in strip.bars if bar.stack == stack]
        width = a_bar * len(bars)
        edges_mm = _edges_mm([bar.position_mm for bar in bars], strip.holes_mm)
        low_mm, high_mm = edges_mm[0][0], edges_mm[-1][1]
        scale = width / (high_mm - low_mm)
        for from_mm, to_mm in strip.holes_mm:
            if low_mm < from_mm and to_mm < high_mm:
                yield begin + (from_mm - low_mm) * scale, begin + (to_mm - low_mm) * scale, None
        for bar, (from_mm, to_mm) in zip(bars, edges_mm, strict=True):
            yield begin + (from_mm - low_mm) * scale, begin + (to_mm - low_mm) * scale, bar
        begin += width + STACK_GAP_PX


def _edges_mm(
    positions_mm: Sequence[float], holes_mm: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Each slice reaches half way to its neighbours, and half a usual step into a hole."""
    if len(positions_mm) == 1:
        return [(positions_mm[0] - 0.5, positions_mm[0] + 0.5)]
    steps_mm = np.maximum(np.diff(positions_mm), 1e-3)
    usual_mm = float(np.median(steps_mm))
    half_mm = [
        usual_mm / 2 if _is_hole(below, above, holes_mm) else step_mm / 2
        for below, above, step_mm in zip(
            positions_mm[:-1], positions_mm[1:], steps_mm.tolist(), strict=True
        )
    ]
    return [
        (position_mm - before_mm, position_mm + after_mm)
        for position_mm, before_mm, after_mm in zip(
            positions_mm, [half_mm[0], *half_mm], [*half_mm, half_mm[-1]], strict=True
        )
    ]


def _is_hole(below_mm: float, above_mm: float, holes_mm: Sequence[tuple[float, float]]) -> bool:
    return any(from_mm < above_mm and to_mm > below_mm for from_mm, to_mm in holes_mm)
