"""Bleeds, and what is mistaken for them, drawn into real tissue."""

from training.drawn.head import (
    DRAWN_KINDS,
    Drawn,
    DrawnBleed,
    DrawnKind,
    Size,
    draw_bleed,
    drawn_head,
)

__all__ = [
    "DRAWN_KINDS",
    "Drawn",
    "DrawnBleed",
    "DrawnKind",
    "Size",
    "draw_bleed",
    "drawn_head",
]
