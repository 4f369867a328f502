"""How many boxes of each kind and size were found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from ich_node.scoring.counts import share
from ich_node.scoring.points import Box, ScoredSlice, holds

SIZE_EDGES_MM = (0.0, 10.0, 20.0, 40.0, inf)  # classes of a box's longer side


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How many boxes of a class were found. (Points outside every box belong to no class, so there
    is no PPV.)
    """

    found: int
    boxes: int

    @property
    def sensitivity(self) -> float:
        return share(self.found, self.boxes)


def by_kind(slices: Iterable[ScoredSlice]) -> dict[str, Recall]:
    """Boxes found for each kind of bleed."""
    return _by_class(slices, lambda box, _: box.kind)


def by_size(slices: Iterable[ScoredSlice]) -> dict[str, Recall]:
    """Boxes found for each class of size, smallest first; size is the longer side in mm."""
    names = [_size_name(lower, upper) for lower, upper in pairwise(SIZE_EDGES_MM)]
    found = _by_class(slices, lambda box, spacing_mm: names[_size_class(box, spacing_mm)])
    return {name: found[name] for name in names if name in found}


def pointing_game(slices: Iterable[ScoredSlice]) -> Recall:
    """Of the slices with a box, those whose map is highest inside one (Zhang et al. 2018, without
    their tolerance).
    """
    hits = [
        any(holds(box, scored.top) for box in scored.boxes)
        for scored in slices
        if scored.boxes and scored.top is not None
    ]
    return Recall(found=sum(hits), boxes=len(hits))


def _by_class(
    slices: Iterable[ScoredSlice], class_of: Callable[[Box, tuple[float, float]], str]
) -> dict[str, Recall]:
    hits_of: dict[str, list[bool]] = {}
    for scored in slices:
        for box in scored.boxes:
            name = class_of(box, scored.pixel_spacing_mm)
            hits_of.setdefault(name, []).append(scored.is_found(box))
    return {
        name: Recall(found=sum(hits), boxes=len(hits)) for name, hits in sorted(hits_of.items())
    }


def _size_class(box: Box, pixel_spacing_mm: tuple[float, float]) -> int:
    side_mm = max(
        (box.row1 - box.row0) * pixel_spacing_mm[0],
        (box.column1 - box.column0) * pixel_spacing_mm[1],
    )
    return int(np.searchsorted(SIZE_EDGES_MM, side_mm, side="right")) - 1


def _size_name(lower_mm: float, upper_mm: float) -> str:
    return (
        f"{lower_mm:.0f} mm and more" if upper_mm == inf else f"{lower_mm:.0f} to {upper_mm:.0f} mm"
    )
