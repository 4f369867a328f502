"""Points and boxes of one slice, and when a point lies in a box.

One difference from the authors' implementation (Nemcek 2021): they halve and round the boxes to the
256 px grid of the map; here points and boxes meet unrounded in the pixels of the original slice.
Both take the first edge as inside and the last as outside.
"""

from dataclasses import dataclass
from typing import Protocol


class Box(Protocol):
    """A labelled bleed in pixels of the original slice: 0-based, half-open (the first row inside,
    the last outside).
    """

    @property
    def kind(self) -> str: ...
    @property
    def row0(self) -> float: ...
    @property
    def column0(self) -> float: ...
    @property
    def row1(self) -> float: ...
    @property
    def column1(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Point:
    """A mark in pixels of the original slice. score ranks the marks of all slices: higher is more
    certain.
    """

    row: float
    column: float
    score: float


@dataclass(frozen=True, kw_only=True)
class ScoredSlice:
    """What was found in one slice beside what is known of it.

    ignored: boxes that count neither way (chronic bleeds, where the option says so): missing one is
    no false negative, and a point inside one and outside every box is no false positive. top: the
    highest place of the likelihood map.
    """

    patient_id: str
    points: tuple[Point, ...]
    boxes: tuple[Box, ...]
    ignored: tuple[Box, ...] = ()
    pixel_spacing_mm: tuple[float, float] = (1.0, 1.0)
    top: Point | None = None

    def is_found(self, box: Box) -> bool:
        """Whether any point lies in the box."""
        return any(holds(box, point) for point in self.points)

    def false_points(self) -> tuple[Point, ...]:
        """The points outside every box, ignored ones included."""
        boxes = (*self.boxes, *self.ignored)
        return tuple(p for p in self.points if not any(holds(box, p) for box in boxes))


def holds(box: Box, point: Point) -> bool:
    """Whether the point lies in the box."""
    return box.row0 <= point.row < box.row1 and box.column0 <= point.column < box.column1
