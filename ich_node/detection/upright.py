"""The one direction of anatomy: the network sees every head as the patient lies supine, rows from
the right to the left of the patient, columns from anterior to posterior.

Scanners store prone, decubitus and mirrored images in other directions; their
ImageOrientationPatient says so (PS3.3 C.7.6.2.1.1: x towards the left, y towards posterior). Pixels
are flipped and transposed, never interpolated, so that a supine slice stays bit-identical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ich_node.series.series import Slice


@dataclass(frozen=True, kw_only=True)
class Turn:
    """First transposed, then flipped."""

    transposes: bool
    flips_rows: bool
    flips_columns: bool

    @classmethod
    def of(cls, image_orientation: Sequence[float]) -> "Turn":
        along_row, along_column = image_orientation[:3], image_orientation[3:]
        transposes = abs(along_row[1]) > abs(along_row[0])
        left, back = (along_column, along_row) if transposes else (along_row, along_column)
        return cls(transposes=transposes, flips_rows=back[1] < 0, flips_columns=left[0] < 0)

    def apply(self, image_YX: NDArray[Any]) -> NDArray[Any]:
        """A view."""
        return self._flipped(image_YX.T if self.transposes else image_YX)

    def undo(self, image_YX: NDArray[Any]) -> NDArray[Any]:
        """A view: what `apply` was given."""
        flipped_YX = self._flipped(image_YX)
        return flipped_YX.T if self.transposes else flipped_YX

    def _flipped(self, image_YX: NDArray[Any]) -> NDArray[Any]:
        return image_YX[:: -1 if self.flips_rows else 1, :: -1 if self.flips_columns else 1]


def upright(slice_: Slice, turn: Turn) -> Slice:
    """The pixels of the slice in the network's direction. Its geometry stays that of the original;
    only the distances of rows and columns change places with them.
    """
    row_mm, column_mm = slice_.pixel_spacing_mm
    return replace(
        slice_,
        hu_YX=turn.apply(slice_.hu_YX),
        padding_YX=turn.apply(slice_.padding_YX),
        pixel_spacing_mm=(column_mm, row_mm) if turn.transposes else (row_mm, column_mm),
    )
