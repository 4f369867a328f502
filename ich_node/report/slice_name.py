"""How a slice is called wherever a person reads about it: by its Instance Number, which every
viewer shows, and by its position.
"""

from collections.abc import Sequence
from typing import Protocol

from ich_node.series.series import Slice


class Numbered(Protocol):
    """A Slice, or an object that was left out."""

    @property
    def instance_number(self) -> int | None: ...
    @property
    def frame_number(self) -> int | None: ...
    @property
    def position_mm(self) -> float | None: ...


def slice_name(slice_: Numbered, number: int | None = None) -> str:
    """'image 118', 'image 1 frame 14'; 'slice 14' where there is no Instance Number.

    number: 1-based, from the feet.
    """
    if slice_.instance_number is None:
        return "image without number" if number is None else f"slice {number}"
    frame = "" if slice_.frame_number is None else f" frame {slice_.frame_number}"
    return f"image {slice_.instance_number}{frame}"


def slice_place(slice_: Numbered, number: int | None = None) -> str:
    """The name with the position along the slice normal: 'image 118 (-42.5 mm)'."""
    name = slice_name(slice_, number)
    return name if slice_.position_mm is None else f"{name} ({position_words(slice_.position_mm)})"


def position_words(position_mm: float) -> str:
    """With one decimal, without a minus before zero."""
    return f"{round(position_mm, 1) + 0.0:.1f} mm"


def slices_name(slices: Sequence[Slice], numbers: Sequence[int]) -> str:
    """'image 118', or 'images 112 to 118', from the feet up; the numbers of a series that is
    numbered from the vertex fall.
    """
    ordered = [slice_ for _, slice_ in sorted(zip(numbers, slices, strict=True), key=_number)]
    first, last = slice_name(ordered[0], min(numbers)), slice_name(ordered[-1], max(numbers))
    if first == last:
        return first
    kind, _, rest = last.partition(" ")
    begin_kind, _, begin = first.partition(" ")
    return f"{kind}s {begin} to {rest}" if kind == begin_kind else f"{first} to {last}"


def _number(pair: tuple[int, Slice]) -> int:
    return pair[0]
