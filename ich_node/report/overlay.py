"""The picture of one slice: grey, likelihood in colour, lesions as numbered x, and a label without
any data of the patient.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ich_node.detection.lesions import Lesion
from ich_node.dicom.identity import PRODUCT, RESEARCH_USE_LABEL
from ich_node.report.context import marks_on
from ich_node.report.drawing import (
    BLACK,
    VISIBLE_FROM,
    WHITE,
    Cross,
    Font,
    blend,
    contour_level,
    draw_colour_bar,
    draw_contour_key,
    draw_crosses,
    font_of,
    grey,
    left_side,
    percent,
)
from ich_node.series.series import Slice

FINE_PX = 256  # smaller pictures have no room for a legend
BAND = (0, 0, 0, 180)


def render_overlay(
    slice_: Slice,
    likelihood_YX: NDArray[np.float32],
    lesions: Sequence[Lesion],
    *,
    probability: float,
    number: int,
    total: int,
    version: str,
) -> NDArray[np.uint8]:
    """RGB (Y, X, 3) in the matrix of the slice.

    likelihood_YX: 0 to 1. lesions: of the series; their marks on this slice are drawn. number: of
    the slice, 1-based, of `total` slices in the series.
    """
    picture = Image.fromarray(blend(grey(slice_), likelihood_YX))
    size_px = max(8, round(min(picture.size) / 36))
    font = font_of(size_px)
    if min(picture.size) >= FINE_PX:
        _draw_legend(
            picture, float(likelihood_YX.max()), contour_level(likelihood_YX), size_px, font
        )
    crosses = [
        Cross(number=lesion.number, x=mark.finding.column, y=mark.finding.row)
        for lesion, mark in marks_on(slice_, lesions)
    ]
    draw_crosses(picture, crosses, size_px, font)
    draw = ImageDraw.Draw(picture, "RGBA")  # fills blend by their alpha
    _write_side(draw, slice_, size_px, font)
    _write_label(
        draw, picture.size, label_lines(probability, number, total, version), size_px, font
    )
    return np.array(picture)


def label_lines(probability: float, number: int, total: int, version: str) -> tuple[str, str]:
    """The burned-in text, top line and bottom line."""
    return (
        f"p {percent(probability)}  |  image {number} of {total}",
        f"{PRODUCT} {version}  {RESEARCH_USE_LABEL}",
    )


def _draw_legend(
    picture: Image.Image, highest: float, level: float, size_px: int, font: Font
) -> None:
    """At the right edge, where a head CT shows air."""
    width, height = picture.size
    length = height // 3
    right, top = width - size_px, (height - length) // 2
    draw_colour_bar(picture, (right, top), length, size_px, font)
    if highest > VISIBLE_FROM:
        draw_contour_key(
            picture, (right, top + length + round(1.5 * size_px)), level, size_px, font
        )


def _write_side(draw: ImageDraw.ImageDraw, slice_: Slice, size_px: int, font: Font) -> None:
    """The patient's side at the left edge."""
    place = (size_px // 2, slice_.hu_YX.shape[0] // 2)
    draw.text(
        place,
        left_side(slice_),
        font=font,
        fill=WHITE,
        anchor="lm",
        stroke_width=1,
        stroke_fill=BLACK,
    )


def _write_label(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    lines: tuple[str, str],
    size_px: int,
    font: Font,
) -> None:
    """At the top and at the bottom, wrapped, on dark bands: bone and the head holder are white."""
    width, height = size
    margin, pitch = size_px // 2, round(size_px * 1.3)
    top, bottom = (_wrapped(draw, line, width - 2 * margin, font) for line in lines)
    for rows, first in ((top, 0), (bottom, height - margin - pitch * len(bottom))):
        draw.rectangle([0, first, width, first + margin + pitch * len(rows)], fill=BAND)
        for index, text in enumerate(rows):
            draw.text(
                (margin, first + margin + index * pitch), text, font=font, fill=WHITE, anchor="la"
            )


def _wrapped(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
