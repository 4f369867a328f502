"""Slice -> network input. Training and serving both call `to_network_input`; there is no other
preprocessing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.area_means import area_means, area_weights, whole_matrix
from ich_node.series.series import Slice

AIR_HU = -1000.0
# The constants by which the published code standardises every channel (Nemcek 2021 §II-B
# "standardized by the mean and standard deviation of the whole dataset"; the values are those of
# the authors' implementation).
STANDARD_MEAN = 400.0
STANDARD_DEVIATION = 1000.0
STORED_OFFSET = 1024.0
WINDOW_RANGE = 4096.0
# The published code regards a stored value below this as padding and writes 0 (-1024 HU).
PUBLISHED_PADDING_STORED = -500.0


@dataclass(frozen=True, kw_only=True)
class Window:
    """A radiological window: centre and width in HU."""

    centre_hu: float
    width_hu: float

    @property
    def lower_hu(self) -> float:
        return self.centre_hu - self.width_hu / 2

    @property
    def upper_hu(self) -> float:
        return self.centre_hu + self.width_hu / 2


BRAIN = Window(centre_hu=40, width_hu=80)
SUBDURAL = Window(centre_hu=50, width_hu=130)
HEAD = Window(centre_hu=200, width_hu=800)


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """How a Slice becomes network input.

    channels: one window each; None is the slice itself, unclipped (paper §II-B).
    pixel_mm: None reduces the whole matrix to size_px (published code); a number resamples to
        square pixels of that size around the centre of the image, so that anatomy has one scale for
        every field of view.
    padding: 'published' reduces the slice with its padding and removes that afterwards, as the
        published code does (its weights depend on the ring that remains); 'air' replaces it before.
    slab_mm: thin slices are averaged to slabs of this thickness before the network; 0 reads every
        slice by itself.
    brain_hu: the series is shifted until its brain has this density (brain_shift.py); None leaves
        HU as they are.
    """

    size_px: int = 256
    channels: tuple[Window | None, ...] = (None, BRAIN, SUBDURAL)
    pixel_mm: float | None = None
    padding: Literal["published", "air"] = "published"
    slab_mm: float = 0.0
    brain_hu: float | None = None


@dataclass(frozen=True, kw_only=True)
class PixelGrid:
    """The affine from input pixel centres to slice pixel centres (0-based indices): slice = scale *
    input + offset.
    """

    row_scale: float
    row_offset: float
    column_scale: float
    column_offset: float

    def to_slice(self, row: float, column: float) -> tuple[float, float]:
        return (
            self.row_scale * row + self.row_offset,
            self.column_scale * column + self.column_offset,
        )

    def to_input(self, row: float, column: float) -> tuple[float, float]:
        return (row - self.row_offset) / self.row_scale, (
            column - self.column_offset
        ) / self.column_scale


@dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """image_CYX float32, and where its pixels lie in the slice."""

    image_CYX: NDArray[np.float32]
    grid: PixelGrid


def to_network_input(slice_: Slice, spec: InputSpec, *, shift_hu: float = 0.0) -> NetworkInput:
    """Reduce a Slice to size_px x size_px and window it. Pure: the same Slice and shift give the
    same bits.

    shift_hu: added to every HU except padding that becomes air: `brain_shift` of the series, where
    the spec asks for it.
    """
    hu_YX = slice_.hu_YX.astype(np.float32)
    if shift_hu:
        hu_YX += np.float32(shift_hu)
    if spec.padding == "air":
        np.copyto(hu_YX, np.float32(AIR_HU), where=slice_.padding_YX)
    grid = grid_of(slice_, spec)
    stored_YX = (
        whole_matrix(hu_YX, spec.size_px)
        if spec.pixel_mm is None
        else _physical(hu_YX, grid, spec.size_px)
    )
    stored_YX += np.float32(STORED_OFFSET)
    if spec.padding == "published":
        stored_YX[stored_YX < PUBLISHED_PADDING_STORED] = 0
    image_CYX = np.empty((len(spec.channels), spec.size_px, spec.size_px), dtype=np.float32)
    for channel_YX, window in zip(image_CYX, spec.channels, strict=True):
        _window(stored_YX, window, out_YX=channel_YX)
    return NetworkInput(image_CYX=image_CYX, grid=grid)


def grid_of(slice_: Slice, spec: InputSpec) -> PixelGrid:
    """Where the input pixels of a Slice lie."""
    rows, columns = slice_.hu_YX.shape
    if spec.pixel_mm is None:
        row_scale, column_scale = rows / spec.size_px, columns / spec.size_px
    else:
        row_scale, column_scale = (spec.pixel_mm / spacing for spacing in slice_.pixel_spacing_mm)
    middle = (spec.size_px - 1) / 2
    return PixelGrid(
        row_scale=row_scale,
        row_offset=(rows - 1) / 2 - row_scale * middle,
        column_scale=column_scale,
        column_offset=(columns - 1) / 2 - column_scale * middle,
    )


def _physical(hu_YX: NDArray[np.float32], grid: PixelGrid, size_px: int) -> NDArray[np.float32]:
    """Area means on the physical grid, air outside the matrix."""
    hu_YX -= np.float32(AIR_HU)
    rows = area_weights(hu_YX.shape[0], grid.row_scale, grid.row_offset, size_px)
    columns = area_weights(hu_YX.shape[1], grid.column_scale, grid.column_offset, size_px)
    reduced_YX = area_means(hu_YX, rows, columns)
    reduced_YX += np.float32(AIR_HU)
    return reduced_YX


def _window(
    stored_YX: NDArray[np.float32], window: Window | None, *, out_YX: NDArray[np.float32]
) -> None:
    """Write the window's channel to out_YX. Computed in stored values (HU + 1024), as the published
    code does: another order of operations rounds differently, which changes logits by 1e-4.
    """
    if window is None:
        np.subtract(stored_YX, np.float32(STANDARD_MEAN), out=out_YX)
    else:
        np.subtract(stored_YX, np.float32(window.lower_hu + STORED_OFFSET), out=out_YX)
        out_YX /= np.float32(window.width_hu)
        np.clip(out_YX, 0, 1, out=out_YX)
        out_YX *= np.float32(WINDOW_RANGE)
        out_YX -= np.float32(STANDARD_MEAN)
    out_YX /= np.float32(STANDARD_DEVIATION)
