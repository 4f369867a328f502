"""The summary page: the answer, the lesions, the probability of each slice, and the positive slices
side by side.

::

    ┌──────────────────────────────────────┐
    │ INTRACRANIAL HEMORRHAGE PRESENT 97 % │   the answer
    │ series, model         │ lesions      │   facts
    │ ▁▁▂▇█▇▅▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ │   probability of each slice, feet to head, with the
    threshold │ ▢ ▢ ▢ ▢                              │   montage │ ▢ ▢ ▢ ▢
    │ │ RESEARCH USE ONLY                    │ └──────────────────────────────────────┘

It contains no data of the patient. The smallest type is 13 pixels high where the page is shown at
512 pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ich_node.detection.lesions import Lesion
from ich_node.dicom.identity import PRODUCT, RESEARCH_USE_LABEL
from ich_node.report.context import Context, ReadSlice, marks_on
from ich_node.report.drawing import (
    BLACK,
    WHITE,
    Cross,
    blend,
    draw_crosses,
    font_of,
    grey,
    left_side,
    percent,
)
from ich_node.series.series import Slice

PAGE_PX = 1024
MARGIN = 28
TITLE, TEXT, SMALL = 44, 27, 26
QUIET = (150, 150, 150)
BELOW = (95, 120, 150)
# Orange and blue differ with every kind of colour vision.
ABOVE = (249, 160, 30)
STRIP_TOP, STRIP_BOTTOM = 352, 446
MONTAGE_TOP, MONTAGE_BOTTOM = 502, 972
MOST_TILES = 8
MOST_LESIONS = 5
GAP = 8
CROSS = 15
TISSUE_HU = -300
COARSE = 4  # the head is searched for in every fourth pixel


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A slice of the montage. likelihood_YX: 0 to 1, in the pixels of the slice."""

    read: ReadSlice
    likelihood_YX: NDArray[np.float32]


def render_summary(context: Context, tiles: Sequence[Tile]) -> NDArray[np.uint8]:
    """RGB (PAGE_PX, PAGE_PX, 3). tiles: the slices to show, in the order of the series."""
    page = Image.new("RGB", (PAGE_PX, PAGE_PX))
    draw = ImageDraw.Draw(page)
    _write_answer(draw, context)
    _write_columns(draw, context)
    _draw_strip(draw, context)
    _draw_montage(page, context, tiles)
    _write(draw, (MARGIN, PAGE_PX - 24), label_line(context), SMALL, WHITE, anchor="lm")
    return np.array(page)


def choose_tiles(context: Context) -> list[ReadSlice]:
    """At most MOST_TILES slices, in the order of the series. Those with the peak of a lesion are
    chosen first, then the most probable ones.
    """
    peaks = {lesion.peak.slice.image: -lesion.number for lesion in reversed(context.lesions)}
    order = sorted(
        context.shown_slices,
        key=lambda read: (
            -peaks.get(read.slice.image, -PAGE_PX),
            -read.reading.probability,
            read.number,
        ),
    )
    return sorted(order[:MOST_TILES], key=lambda read: read.number)


def label_line(context: Context) -> str:
    """The last line."""
    return f"{PRODUCT} {context.result_header.algorithm.version}  {RESEARCH_USE_LABEL}"


def answer_line(context: Context) -> str:
    """The first line."""
    return f"Hemorrhage PRESENT   {percent(context.reading.series_probability)}"


def fact_lines(context: Context) -> list[str]:
    """Facts of the series and the model, nothing of the patient."""
    positions_mm = [read.slice.position_mm for read in context.slices]
    algorithm = context.result_header.algorithm
    facts = [
        f"{len(context.positive_slices)} of {len(context.slices)} slices positive",
        f"{np.ptp(positions_mm):.0f} mm" + _step_words(positions_mm),
        f"threshold {100 * context.reading.threshold:.0f} %",
        f"model {_short(algorithm.bundle_name, 22)}",
        f"sha256 {algorithm.bundle_sha256[:12]}",
    ]
    left_out = len(context.reading.left_out)
    return (
        [*facts, f"{left_out} {'object' if left_out == 1 else 'objects'} not read"]
        if left_out
        else facts
    )


def lesion_lines(context: Context) -> list[tuple[str, ...]]:
    """A row for each of the first MOST_LESIONS lesions: number, certainty, slices, height."""
    rows: list[tuple[str, ...]] = []
    for lesion in context.lesions[:MOST_LESIONS]:
        numbers = [context.slice_of(mark).number for mark in lesion.marks]
        first, last = min(numbers), max(numbers)
        slices = f"{first}" if first == last else f"{first}-{last}"
        rows.append(
            (str(lesion.number), percent(lesion.certainty), slices, f"{lesion.extent_mm:.0f} mm")
        )
    return rows


def _write_answer(draw: ImageDraw.ImageDraw, context: Context) -> None:
    draw.rectangle([0, 0, PAGE_PX, 78], fill=(60, 38, 0))
    _write(draw, (MARGIN, 40), answer_line(context), TITLE, ABOVE, anchor="lm")
    _write(draw, (PAGE_PX - MARGIN, 40), "AI, not verified", SMALL, WHITE, anchor="rm")


def _write_columns(draw: ImageDraw.ImageDraw, context: Context) -> None:
    top, pitch = 116, 36
    for index, line in enumerate(fact_lines(context)):
        _write(draw, (MARGIN, top + index * pitch), line, TEXT, WHITE, anchor="lm")
    columns = (506, 600, 742, 884)
    rows: list[tuple[str, ...]] = [
        ("lesion", "certainty", "slices", "height"),
        *lesion_lines(context),
    ]
    if len(rows) == 1:
        rows = [("", "no lesion can be pointed at", "", "")]
    for index, row in enumerate(rows):
        for left, words in zip(columns, row, strict=True):
            _write(
                draw,
                (left, top + index * pitch),
                words,
                TEXT,
                WHITE if index else QUIET,
                anchor="lm",
            )
    more = len(context.lesions) - MOST_LESIONS
    if more > 0:
        _write(
            draw,
            (columns[1], top + len(rows) * pitch),
            f"and {more} more: see the report",
            SMALL,
            QUIET,
            anchor="lm",
        )


def _draw_strip(draw: ImageDraw.ImageDraw, context: Context) -> None:
    """A bar for the probability of each slice, the slice nearest to the feet at the left."""
    left, right = MARGIN + 74, PAGE_PX - MARGIN
    probabilities = [read.reading.probability for read in context.slices]
    edges = np.linspace(left, right, len(probabilities) + 1)
    height = STRIP_BOTTOM - STRIP_TOP
    for probability, start, end in zip(probabilities, edges[:-1], edges[1:], strict=True):
        top = STRIP_BOTTOM - max(2, round(probability * height))
        colour = ABOVE if probability >= context.reading.threshold else BELOW
        space = 2 if end - start > 6 else 0
        draw.rectangle([start, top, max(start, end - 1 - space), STRIP_BOTTOM], fill=colour)
    line = STRIP_BOTTOM - round(context.reading.threshold * height)
    draw.line([(left, line), (right, line)], fill=WHITE, width=2)
    _write(
        draw,
        (left - 10, line),
        f"{100 * context.reading.threshold:.0f} %",
        SMALL,
        WHITE,
        anchor="rm",
    )
    below = STRIP_BOTTOM + 24
    _write(draw, (left, below), "1  base", SMALL, QUIET, anchor="lm")
    _write(
        draw, ((left + right) // 2, below), "probability of each slice", SMALL, QUIET, anchor="mm"
    )
    _write(draw, (right, below), f"vertex  {len(probabilities)}", SMALL, QUIET, anchor="rm")


def _draw_montage(page: Image.Image, context: Context, tiles: Sequence[Tile]) -> None:
    if not tiles:
        return
    columns = next(count for count in (1, 2, 3, 4) if count * max(1, count // 2) >= len(tiles))
    rows = -(-len(tiles) // columns)
    width = (PAGE_PX - 2 * MARGIN - (columns - 1) * GAP) // columns
    height = (MONTAGE_BOTTOM - MONTAGE_TOP - (rows - 1) * GAP) // rows
    for index, tile in enumerate(tiles):
        down, right = divmod(index, columns)
        place = (MARGIN + right * (width + GAP), MONTAGE_TOP + down * (height + GAP))
        page.paste(_draw_tile(tile, context.lesions, (width, height)), place)


def _draw_tile(tile: Tile, lesions: Sequence[Lesion], size: tuple[int, int]) -> Image.Image:
    """The part of the slice that shows the head, enlarged to the tile, with square pixels."""
    slice_ = tile.read.slice
    rows, columns = _head_box(slice_)
    rgb_YXC = blend(grey(slice_), tile.likelihood_YX)[rows, columns]
    row_mm, column_mm = slice_.pixel_spacing_mm
    wide_mm, high_mm = rgb_YXC.shape[1] * column_mm, rgb_YXC.shape[0] * row_mm
    per_mm = min(size[0] / wide_mm, size[1] / high_mm)
    fitted = (max(1, round(wide_mm * per_mm)), max(1, round(high_mm * per_mm)))
    picture = Image.new("RGB", size, BLACK)
    left, top = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    picture.paste(Image.fromarray(rgb_YXC).resize(fitted, Image.Resampling.BILINEAR), (left, top))
    across, down = fitted[0] / rgb_YXC.shape[1], fitted[1] / rgb_YXC.shape[0]
    crosses = [
        Cross(
            number=lesion.number,
            x=left + (mark.finding.column - columns.start + 0.5) * across - 0.5,
            y=top + (mark.finding.row - rows.start + 0.5) * down - 0.5,
        )
        for lesion, mark in marks_on(slice_, lesions)
    ]
    draw_crosses(picture, crosses, CROSS, font_of(SMALL))
    draw = ImageDraw.Draw(picture)
    _write(draw, (4, 0), f"{tile.read.number}", SMALL, WHITE, anchor="la")
    _write(
        draw, (4, size[1] - 2), percent(tile.read.reading.probability), SMALL, WHITE, anchor="ld"
    )
    _write(draw, (4, size[1] // 2), left_side(slice_), SMALL, QUIET, anchor="lm")
    return picture


def _head_box(slice_: Slice) -> tuple[slice, slice]:
    """Rows and columns of the largest connected tissue, with a margin; smaller ones are the head
    holder.
    """
    tissue_YX = ((slice_.hu_YX > TISSUE_HU) & ~slice_.padding_YX)[::COARSE, ::COARSE]
    bodies_YX, count = ndimage.label(tissue_YX)
    if count == 0:
        return slice(0, slice_.hu_YX.shape[0]), slice(0, slice_.hu_YX.shape[1])
    largest = int(np.argmax(np.bincount(bodies_YX.ravel())[1:]))
    rows, columns = ndimage.find_objects(bodies_YX)[largest]
    return _widened(rows, slice_.hu_YX.shape[0]), _widened(columns, slice_.hu_YX.shape[1])


def _widened(coarse: slice, length: int) -> slice:
    """The coarse range in pixels, with a margin, within the matrix."""
    return slice(max(0, (coarse.start - 2) * COARSE), min(length, (coarse.stop + 2) * COARSE))


def _step_words(positions_mm: Sequence[float]) -> str:
    return (
        f", slices every {np.median(np.diff(positions_mm)):.1f} mm" if len(positions_mm) > 1 else ""
    )


def _short(words: str, length: int) -> str:
    return words if len(words) <= length else words[: length - 1] + "\u2026"


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    size: int,
    colour: tuple[int, int, int],
    *,
    anchor: str,
) -> None:
    draw.text(place, words, font=font_of(size), fill=colour, anchor=anchor)
