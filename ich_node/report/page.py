"""A page of 1024 x 1024 pixels: the answer, what a reader must know about it, and slices.

::

    ┌──────────────────────────────────────┐
    │ Hemorrhage PRESENT            97.4 % │   the answer
    │ DEMONSTRATION MODEL, NOT FOR PATIENTS│   if it is one
    │ NOT ALL OF THE HEAD WAS READ         │   in large letters
    │ metal in 3 slices ...                │   warnings
    │ series, model         │ lesions      │   facts
    │ ▁▁▂▇█▇▅▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ │   probability of each slice, from the feet up
    │ R image 12  98 %    R image 13  97 % │   slices, plain and with the likelihood in colour
    │ ▢ ▢                 ▢ ▢              │
    │ RESEARCH USE ONLY                    │
    └──────────────────────────────────────┘

It has no data of the patient and no text of the source. The smallest type is 13 pixels high where
the page is shown at 512 pixels. Words stand on black, beside the slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ich_node.answer import Answer
from ich_node.detection.lesions import Lesion
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.report.arrows import arrows_on
from ich_node.report.drawing import (
    BLACK,
    WHITE,
    blend,
    draw_arrows,
    fitted,
    font_of,
    grey,
    left_side,
    wrapped,
)
from ich_node.report.strip import ABOVE, Strip, draw_strip
from ich_node.series.series import Slice

PAGE_PX = 1024
MARGIN = 28
LARGE, TEXT, SMALL = 44, 27, 26
PITCH = 34
QUIET = (150, 150, 150)
YELLOW = (255, 221, 87)
# Of the first line, letters and ground.
COLOURS = {
    Answer.PRESENT: (ABOVE, (60, 38, 0)),
    Answer.ABSENT: (WHITE, (40, 46, 54)),
    Answer.UNDETERMINED: (YELLOW, (64, 56, 0)),
    Answer.NOT_ANALYSED: (YELLOW, (64, 56, 0)),
}
RED = (176, 0, 32)
STRIP_PX, STRIP_WORDS_PX = 84, 48
MOST_SPARE_PX = 160  # that the strip takes where the slices need less
GAP = 8
HEAD_ASPECT = 0.8  # a head's width by its length
ARROW = 20
TISSUE_HU = -300
COARSE = 4  # the head is searched for in every fourth pixel


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A slice of the page. name, place, score: above its pictures; the place if there is room, and
    the short name if there is none for the other. likelihood_YX: 0 to 1, in the pixels of the
    slice; None: the plain slice alone. contour: the likelihood of the line. lesions: of the series;
    those on the slice get an arrow.
    """

    slice: Slice
    name: str
    short_name: str
    place: str
    score: str = ""
    likelihood_YX: NDArray[np.float32] | None = None
    contour: float = 0.5
    lesions: tuple[Lesion, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is on it, from top to bottom.

    large: sentences in large letters. lesions: rows of four cells, the heads first.
    """

    answer: Answer
    headline: str
    demonstration: bool = False
    large: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    lesions: tuple[tuple[str, ...], ...] = ()
    strip: Strip | None = None
    tiles: tuple[Tile, ...] = ()
    last_line: str = ""


def render_page(page: Page) -> NDArray[np.uint8]:
    """RGB (PAGE_PX, PAGE_PX, 3)."""
    picture = Image.new("RGB", (PAGE_PX, PAGE_PX))
    draw = ImageDraw.Draw(picture)
    top = _write_answer(draw, page)
    top = _write_lines(draw, page.large, top, size=36, colour=YELLOW)
    top = _write_lines(draw, page.warnings, top, size=SMALL, colour=YELLOW)
    top = _write_columns(draw, page, top)
    bottom = PAGE_PX - 44
    if page.strip:
        room = bottom - top - 8 - STRIP_PX - STRIP_WORDS_PX
        high = STRIP_PX + min(MOST_SPARE_PX, _spare_px(page.tiles, room))
        box = (MARGIN, top + 8, PAGE_PX - MARGIN, top + 8 + high)
        top = draw_strip(draw, page.strip, box=box, size_px=SMALL)
    if page.tiles:
        _draw_tiles(picture, page.tiles, (MARGIN, top + 8, PAGE_PX - MARGIN, bottom))
    _write(draw, (MARGIN, PAGE_PX - 22), page.last_line, SMALL, WHITE)
    return np.array(picture)


def _write_answer(draw: ImageDraw.ImageDraw, page: Page) -> int:
    """Returns the height that is in use."""
    letters, ground = COLOURS[page.answer]
    draw.rectangle([0, 0, PAGE_PX, 70], fill=ground)
    note = "AI, not verified"
    room = PAGE_PX - 3 * MARGIN - round(draw.textlength(note, font=font_of(SMALL)))
    _write(draw, (MARGIN, 36), fitted(page.headline, LARGE, room), LARGE, letters)
    _write(draw, (PAGE_PX - MARGIN, 36), note, SMALL, WHITE, anchor="rm")
    if not page.demonstration:
        return 80
    draw.rectangle([0, 71, PAGE_PX, 117], fill=RED)
    _write(draw, (PAGE_PX // 2, 95), DEMONSTRATION_MODEL, 32, WHITE, anchor="mm")
    return 126


def _write_lines(
    draw: ImageDraw.ImageDraw,
    sentences: Sequence[str],
    top: int,
    *,
    size: int,
    colour: tuple[int, int, int],
) -> int:
    """Each sentence in as many lines as it needs."""
    pitch = round(size * 1.25)
    for sentence in sentences:
        for line in wrapped(sentence, PAGE_PX - 2 * MARGIN, size):
            _write(draw, (MARGIN, top + pitch // 2), line, size, colour)
            top += pitch
    return top


def _write_columns(draw: ImageDraw.ImageDraw, page: Page, top: int) -> int:
    columns = (506, 600, 706, 884)
    widths = (86, 98, 170, PAGE_PX - MARGIN - 884)
    room = 506 - MARGIN - 16 if page.lesions else PAGE_PX - 2 * MARGIN
    for index, line in enumerate(page.facts):
        place = (MARGIN, top + PITCH // 2 + index * PITCH)
        _write(draw, place, fitted(line, SMALL, room), SMALL, WHITE)
    for index, row in enumerate(page.lesions):
        for left, width, words in zip(columns, widths, row, strict=True):
            # a row of one cell is a sentence
            space = PAGE_PX - MARGIN - left if sum(map(bool, row)) == 1 else width
            place = (left, top + PITCH // 2 + index * PITCH)
            colour = WHITE if index else QUIET
            _write(draw, place, fitted(words, SMALL, space), SMALL, colour)
    return top + PITCH * max(len(page.facts), len(page.lesions))


def _draw_tiles(
    picture: Image.Image, tiles: Sequence[Tile], box: tuple[int, int, int, int]
) -> None:
    """In the arrangement in which the slices are largest. A slice with likelihood takes two
    places: plain, and in colour.
    """
    left, top, right, bottom = box
    pictures = _pictures(tiles)
    columns, rows = _arrangement(len(tiles), pictures, (right - left, bottom - top))
    width = (right - left - (columns - 1) * 2 * GAP) // columns
    height = (bottom - top - (rows - 1) * GAP) // rows
    for index, tile in enumerate(tiles):
        down, across = divmod(index, columns)
        place = (left + across * (width + 2 * GAP), top + down * (height + GAP))
        _draw_tile(picture, tile, place, (width, height), pictures)


def _pictures(tiles: Sequence[Tile]) -> int:
    """Of each slice."""
    return 2 if any(tile.likelihood_YX is not None for tile in tiles) else 1


def _arrangement(tiles: int, pictures: int, size: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of tiles."""

    def length_px(columns: int) -> float:
        rows = -(-tiles // columns)
        return min(size[1] / rows - PITCH, size[0] / columns / pictures / HEAD_ASPECT)

    columns = max(range(1, tiles + 1), key=length_px)
    return columns, -(-tiles // columns)


def _spare_px(tiles: Sequence[Tile], room: int) -> int:
    """Of this height, what the slices do not need."""
    if not tiles:
        return 0
    pictures, width = _pictures(tiles), PAGE_PX - 2 * MARGIN
    columns, rows = _arrangement(len(tiles), pictures, (width, room))
    return max(0, room - rows * (PITCH + GAP + round(width / columns / pictures / HEAD_ASPECT)))


def _draw_tile(
    picture: Image.Image, tile: Tile, place: tuple[int, int], size: tuple[int, int], pictures: int
) -> None:
    """The words, and the part of the slice that shows the head below them."""
    left, top = place
    draw = ImageDraw.Draw(picture)
    middle = top + PITCH // 2
    side = left_side(tile.slice)
    width = (size[0] - (pictures - 1) * GAP) // pictures
    room = size[0] - round(draw.textlength(tile.score, font=font_of(SMALL))) - 12
    names = (f"{tile.name}  {tile.place}", tile.name, tile.short_name)
    words = next(
        (name for name in names if draw.textlength(f"{side}  {name}", font=font_of(SMALL)) <= room),
        tile.short_name,
    )
    _write(draw, (left, middle), f"{side}  {words}", SMALL, WHITE)
    _write(draw, (left + size[0], middle), tile.score, SMALL, WHITE, anchor="rm")
    box_px = (width, size[1] - PITCH)
    plain = np.repeat(grey(tile.slice)[..., None], 3, axis=-1).astype(np.uint8)
    picture.paste(_cropped(tile, plain, box_px, with_arrows=False), (left, top + PITCH))
    if tile.likelihood_YX is not None:
        coloured = blend(grey(tile.slice), tile.likelihood_YX, tile.contour)
        second = _cropped(tile, coloured, box_px, with_arrows=True)
        picture.paste(second, (left + width + GAP, top + PITCH))


def _cropped(
    tile: Tile, rgb_YXC: NDArray[np.uint8], size: tuple[int, int], *, with_arrows: bool
) -> Image.Image:
    """The head with square pixels, as large as it fits, and as much of its surroundings as there is
    room.
    """
    slice_ = tile.slice
    rows, columns = _head_box(slice_)
    row_mm, column_mm = slice_.pixel_spacing_mm
    wide_mm, high_mm = (columns.stop - columns.start) * column_mm, (rows.stop - rows.start) * row_mm
    per_mm = min(size[0] / wide_mm, size[1] / high_mm)
    middle_row, middle_column = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    across, down = per_mm * column_mm, per_mm * row_mm  # pixels of the picture a pixel
    left, top = middle_column - size[0] / 2 / across, middle_row - size[1] / 2 / down
    picture = Image.fromarray(rgb_YXC).transform(
        size,
        Image.Transform.AFFINE,
        (1 / across, 0, left, 0, 1 / down, top),
        resample=Image.Resampling.BILINEAR,
        fillcolor=BLACK,
    )
    if with_arrows:
        arrows = arrows_on(
            slice_,
            tile.lesions,
            ARROW / min(across, down),
            x=(left, left + size[0] / across),
            y=(top, top + size[1] / down),
        )
        moved = [
            arrow.moved(lambda x, y: ((x + 0.5 - left) * across, (y + 0.5 - top) * down))
            for arrow in arrows
        ]
        draw_arrows(picture, moved, ARROW, font_of(SMALL))
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


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    size: int,
    colour: tuple[int, int, int],
    *,
    anchor: str = "lm",
) -> None:
    draw.text(place, words, font=font_of(size), fill=colour, anchor=anchor)
