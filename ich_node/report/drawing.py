"""Drawing of pictures: a slice in grey, likelihood as transparent colour with a contour, lesions as
numbered arrows beside them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ich_node.detection.likelihood_colours import (
    CONTOUR_COLOUR,
    MAX_OPACITY,
    colour_of,
    contour_line,
    opacity_of,
    where_visible,
)
from ich_node.detection.network_input import BRAIN
from ich_node.series.series import Slice

# In heights of the number of an arrow.
ARROW_LENGTH = 1.3
NUMBER_FROM_TIP = 1.95
WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
FINER = 4  # arrows are drawn this many times larger and then reduced

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def left_side(slice_: Slice) -> str:
    """The patient's side at the left edge of the picture (PS3.3 C.7.6.1.1.1): R in the usual view
    from the feet.
    """
    along_row = slice_.image_orientation[:3]
    axis = max(range(3), key=lambda index: abs(along_row[index]))
    return "RAF"[axis] if along_row[axis] > 0 else "LPH"[axis]


@cache
def font_of(size_px: int) -> Font:
    """Pillow's own outline font, cached: loading takes longer than drawing a line of text."""
    return ImageFont.load_default(size_px)


def wrapped(text: str, width: int, size_px: int) -> list[str]:
    """Lines that are at most this wide, if each word is."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if font_of(size_px).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line] or [""]


def fitted(text: str, size_px: int, width: int) -> str:
    """The text, cut with an ellipsis where it is wider."""
    if font_of(size_px).getlength(text) <= width:
        return text
    while text and font_of(size_px).getlength(f"{text}\u2026") > width:
        text = text[:-1]
    return f"{text.rstrip()}\u2026"


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A numbered arrow that points at a place from beside it. tip, at: x, y in pixels of the
    picture; 0, 0 is the centre of the first pixel.
    """

    number: int
    tip: tuple[float, float]
    at: tuple[float, float]

    def moved(self, to: Callable[[float, float], tuple[float, float]]) -> "Arrow":
        return replace(self, tip=to(*self.tip), at=to(*self.at))

    @property
    def direction(self) -> tuple[float, float]:
        """From the tip to the place; of length 1."""
        x, y = self.at[0] - self.tip[0], self.at[1] - self.tip[1]
        length = max(float(np.hypot(x, y)), 1e-6)
        return x / length, y / length


def grey(slice_: Slice) -> NDArray[np.float32]:
    """The slice in the brain window, 0 to 255; padding is black."""
    share_YX = (slice_.hu_YX.astype(np.float32) - np.float32(BRAIN.lower_hu)) / np.float32(
        BRAIN.width_hu
    )
    share_YX[slice_.padding_YX] = 0
    grey_YX: NDArray[np.float32] = np.floor(np.clip(share_YX, 0, 1) * np.float32(255))
    return grey_YX


def blend(
    grey_YX: NDArray[np.float32], likelihood_YX: NDArray[np.float32], contour: float
) -> NDArray[np.uint8]:
    """Colour over grey, and over both the line where the likelihood is `contour`. RGB (Y, X, 3)."""
    rgb_YXC = np.repeat(grey_YX[..., None], 3, axis=-1)
    box = where_visible(likelihood_YX)
    if box is None:
        return rgb_YXC.astype(np.uint8)
    share_YX = np.clip(likelihood_YX[box], 0, 1).astype(np.float32)
    opacity_YX = np.float32(MAX_OPACITY) * opacity_of(share_YX)
    line_YX = contour_line(share_YX, contour)
    coloured_YXC = _over(rgb_YXC[box], colour_of(share_YX), opacity_YX)
    rgb_YXC[box] = _over(coloured_YXC, CONTOUR_COLOUR.astype(np.float32), line_YX)
    return rgb_YXC.astype(np.uint8)


def _over(
    below_YXC: NDArray[np.float32], colour: NDArray[np.float32], opacity_YX: NDArray[np.float32]
) -> NDArray[np.float32]:
    opacity_YX1 = opacity_YX[..., None]
    return below_YXC * (1 - opacity_YX1) + colour * opacity_YX1


def draw_arrows(picture: Image.Image, arrows: Sequence[Arrow], size_px: int, font: Font) -> None:
    """White with a dark rim, and the number of the lesion at the end of the shaft."""
    for arrow in arrows:
        _stamp(picture, arrow, size_px)
    draw = ImageDraw.Draw(picture)
    for arrow in arrows:
        x, y = arrow.direction
        reach = NUMBER_FROM_TIP * size_px
        draw.text(
            (arrow.tip[0] - x * reach, arrow.tip[1] - y * reach),
            str(arrow.number),
            font=font,
            fill=WHITE,
            anchor="mm",
            stroke_width=max(1, size_px // 8),
            stroke_fill=BLACK,
        )


def _stamp(picture: Image.Image, arrow: Arrow, size_px: int) -> None:
    """Draw the arrow enlarged on a picture of its own and reduce that, for smooth edges."""
    reach = round(ARROW_LENGTH * size_px) + 4
    left, top = int(np.floor(arrow.tip[0])) - reach, int(np.floor(arrow.tip[1])) - reach
    sheet = Image.new("RGBA", ((2 * reach + 1) * FINER,) * 2)
    draw = ImageDraw.Draw(sheet)
    tip = np.array([arrow.tip[0] - left + 0.5, arrow.tip[1] - top + 0.5]) * FINER
    along = np.array(arrow.direction) * size_px * FINER
    across = np.array([-along[1], along[0]])
    for colour, rim in ((BLACK, 0.1), (WHITE, 0.0)):
        start = tip - along * (ARROW_LENGTH + rim)
        width = FINER * (0.16 + 2 * rim) * size_px
        neck = tip - along * 0.5
        draw.line([tuple(start), tuple(neck)], fill=colour, width=max(1, round(width)))
        base = tip - along * (0.6 + 1.2 * rim)
        side = across * (0.3 + 1.6 * rim)
        draw.polygon(
            [tuple(tip + along * 1.6 * rim), tuple(base + side), tuple(base - side)], fill=colour
        )
    reduced = sheet.reduce(FINER)
    picture.paste(reduced, (left, top), mask=reduced)


def draw_colour_bar(
    picture: Image.Image, top_right: tuple[int, int], length: int, size_px: int, font: Font
) -> None:
    """The colour bar from 0 to 100 %, with its frame and labels."""
    right, top = top_right
    thickness = max(4, size_px // 2)
    bar_YXC = np.repeat(
        colour_of(np.linspace(1, 0, length, dtype=np.float32))[:, None, :], thickness, axis=1
    )
    picture.paste(Image.fromarray(bar_YXC.astype(np.uint8)), (right - thickness, top))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([right - thickness - 1, top - 1, right, top + length], outline=WHITE)
    for words, share in (("100 %", 1.0), ("50", 0.5), ("0", 0.0)):
        place = (right - thickness - size_px // 2, top + (1 - share) * length)
        draw.text(
            place, words, font=font, fill=WHITE, anchor="rm", stroke_width=1, stroke_fill=BLACK
        )
    draw.text(
        (right, top - size_px),
        "likelihood",
        font=font,
        fill=WHITE,
        anchor="rs",
        stroke_width=1,
        stroke_fill=BLACK,
    )


def draw_contour_key(
    picture: Image.Image, right_top: tuple[int, int], level: float, size_px: int, font: Font
) -> None:
    """The legend of the contour: its likelihood and a piece of the line."""
    right, top = right_top
    draw = ImageDraw.Draw(picture)
    words = f"{100 * level:.0f} %"
    draw.text(
        (right, top), words, font=font, fill=WHITE, anchor="rm", stroke_width=1, stroke_fill=BLACK
    )
    end = right - round(draw.textlength(words, font=font)) - size_px // 2
    red, green, blue = (int(channel) for channel in CONTOUR_COLOUR)
    draw.line(
        [(end - round(1.5 * size_px), top), (end, top)],
        fill=(red, green, blue),
        width=max(2, size_px // 6),
    )
