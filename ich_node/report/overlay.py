"""The picture: the slice in grey, likelihood in colour, findings as x, and what it is in words. No patient is ever in it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ich_node.detection.detector import Finding
from ich_node.detection.series import Slice
from ich_node.detection.windows import BRAIN

# Perceptually ordered, dark violet to pale yellow (the upper part of "inferno"): brighter is always more.
COLOURS = np.array(
    [(85, 15, 109), (136, 34, 106), (186, 54, 85), (227, 89, 51), (249, 140, 10), (249, 201, 50), (252, 255, 164)], float
)
MAX_OPACITY = 0.55
VISIBLE_FROM = 0.05  # a trace of colour all over the brain would say nothing
FINE_PX = 256  # smaller pictures have no room for more than the label
WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
BAND = (0, 0, 0, 180)
FINER = 4  # crosses are drawn this many times larger

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def render_overlay(
    slice_: Slice,
    likelihood_YX: NDArray[np.float32],
    findings: Sequence[Finding],
    *,
    probability: float,
    number: int,
    total: int,
    version: str,
) -> NDArray[np.uint8]:
    """RGB (Y, X, 3) in the matrix of the slice. likelihood_YX: 0..1; number, total: the slice's place in its series."""
    picture = Image.fromarray(_blend(_grey(slice_), likelihood_YX))
    size_px = max(8, round(min(picture.size) / 36))
    font = ImageFont.load_default(size_px)
    places = [(finding.column, finding.row) for finding in findings]
    _draw_crosses(picture, places, size_px)
    draw = ImageDraw.Draw(picture, "RGBA")  # fills blend by their alpha
    _number_crosses(draw, places, size_px, font)
    if min(picture.size) >= FINE_PX:
        _draw_colour_bar(draw, picture.size, size_px, font)
    _write_label(draw, picture.size, label_lines(probability, number, total, version), size_px, font)
    return np.array(picture)


def label_lines(probability: float, number: int, total: int, version: str) -> tuple[str, str]:
    """The burned-in text: at the top and at the bottom."""
    return (
        f"p = {100 * probability:.0f} %  |  image {number} of {total}",
        f"ich-node {version}  RESEARCH USE ONLY - not a medical device",
    )


def _grey(slice_: Slice) -> NDArray[np.uint8]:
    share_YX = (slice_.hu_YX.astype(np.float32) - BRAIN.lower_hu) / BRAIN.width_hu
    share_YX[slice_.padding_YX] = 0
    return np.asarray(np.clip(share_YX, 0, 1) * 255, dtype=np.uint8)


def _blend(grey_YX: NDArray[np.uint8], likelihood_YX: NDArray[np.float32]) -> NDArray[np.uint8]:
    share_YX = np.clip(likelihood_YX, 0, 1)
    # The root shows weak likelihood too; the grey below stays visible under the strongest.
    opacity_YX1 = MAX_OPACITY * np.sqrt(np.clip((share_YX - VISIBLE_FROM) / (1 - VISIBLE_FROM), 0, 1))[..., None]
    blended_YXC = grey_YX[..., None] * (1 - opacity_YX1) + colour_of(share_YX) * opacity_YX1
    return np.asarray(blended_YXC, dtype=np.uint8)


def colour_of(share: NDArray[np.float32] | np.float32) -> NDArray[np.float64]:
    """0..1 -> RGB 0..255 on a last axis."""
    stops = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(share, stops, COLOURS[:, channel]) for channel in range(3)], axis=-1)


def _draw_crosses(picture: Image.Image, places: Sequence[tuple[float, float]], size_px: int) -> None:
    """An x at each (column, row), its arms leaving the marked pixel itself free. Drawn large and reduced, for smooth edges."""
    sheet = Image.new("RGBA", (picture.width * FINER, picture.height * FINER))
    draw = ImageDraw.Draw(sheet)
    inner, outer = FINER * size_px / 4, FINER * size_px * 0.7
    for colour, share in ((BLACK, 0.3), (WHITE, 0.13)):
        width = round(FINER * max(share * size_px, share * 14))
        for column, row in places:
            x, y = (column + 0.5) * FINER, (row + 0.5) * FINER
            for right, down in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
                draw.line(
                    [(x + right * inner, y + down * inner), (x + right * outer, y + down * outer)], fill=colour, width=width
                )
    reduced = sheet.reduce(FINER)
    picture.paste(reduced, mask=reduced)


def _number_crosses(draw: ImageDraw.ImageDraw, places: Sequence[tuple[float, float]], size_px: int, font: Font) -> None:
    for number, (column, row) in enumerate(places, start=1):
        corner = (column + size_px, row - size_px * 0.5)
        draw.text(corner, str(number), font=font, fill=WHITE, anchor="ls", stroke_width=1, stroke_fill=BLACK)


def _draw_colour_bar(draw: ImageDraw.ImageDraw, size: tuple[int, int], size_px: int, font: Font) -> None:
    """At the right edge, from 0 to 100 %."""
    width, height = size
    length, thickness = height // 3, max(4, size_px // 2)
    right, top = width - size_px, (height - length) // 2
    for step in range(length):
        red, green, blue = (round(channel) for channel in colour_of(np.float32(1 - step / (length - 1))))
        draw.line([(right - thickness, top + step), (right, top + step)], fill=(red, green, blue))
    draw.rectangle([right - thickness - 1, top - 1, right + 1, top + length], outline=WHITE)
    for text, share in (("100 %", 0.0), ("50", 0.5), ("0", 1.0)):
        place = (right - thickness - size_px // 2, top + share * length)
        draw.text(place, text, font=font, fill=WHITE, anchor="rm", stroke_width=1, stroke_fill=BLACK)
    draw.text((right + 1, top - size_px), "likelihood", font=font, fill=WHITE, anchor="rs", stroke_width=1, stroke_fill=BLACK)


def _write_label(draw: ImageDraw.ImageDraw, size: tuple[int, int], lines: tuple[str, str], size_px: int, font: Font) -> None:
    """On dark bands, since bone and the head holder are white; at the top and at the bottom, wrapped to the width."""
    width, height = size
    margin, pitch = size_px // 2, round(size_px * 1.3)
    top, bottom = (_wrapped(draw, line, width - 2 * margin, font) for line in lines)
    for rows, first in ((top, 0), (bottom, height - margin - pitch * len(bottom))):
        draw.rectangle([0, first, width, first + margin + pitch * len(rows)], fill=BAND)
        for index, text in enumerate(rows):
            draw.text((margin, first + margin + index * pitch), text, font=font, fill=WHITE, anchor="la")


def _wrapped(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
