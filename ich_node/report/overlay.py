"""The picture of one slice: grey, likelihood in colour, lesions as numbered arrows, and a label
without any data of the patient.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ich_node.answer import Answer
from ich_node.detection.lesions import Lesion
from ich_node.detection.likelihood_colours import VISIBLE_FROM
from ich_node.dicom.identity import DEMONSTRATION_MODEL, PRODUCT, RESEARCH_USE_LABEL
from ich_node.percent import percent_text
from ich_node.report.arrows import arrows_on
from ich_node.report.drawing import (
    WHITE,
    Font,
    blend,
    draw_arrows,
    draw_colour_bar,
    draw_contour_key,
    font_of,
    grey,
    left_side,
    wrapped,
)
from ich_node.series.series import Slice

FINE_PX = 256  # smaller pictures have no room for a legend
BAND = (0, 0, 0, 200)
ANSWERS = {
    Answer.PRESENT: "Hemorrhage PRESENT",
    Answer.ABSENT: "Hemorrhage ABSENT",
    Answer.UNDETERMINED: "UNDETERMINED: not the whole head was read",
}


def render_overlay(
    slice_: Slice,
    likelihood_YX: NDArray[np.float32],
    lesions: Sequence[Lesion],
    *,
    contour: float,
    top: Sequence[str],
    version: str,
) -> NDArray[np.uint8]:
    """RGB (Y, X, 3) in the matrix of the slice.

    likelihood_YX: 0 to 1; contour: where the line is. lesions: of the series; those on this slice
    get an arrow. top: the lines above the slice (`label_lines`).
    """
    picture = Image.fromarray(blend(grey(slice_), likelihood_YX, contour))
    size_px = number_px(slice_.hu_YX.shape)
    font = font_of(size_px)
    draw_arrows(picture, arrows_on(slice_, lesions, size_px), size_px, font)
    if min(picture.size) >= FINE_PX:
        _draw_legend(picture, float(likelihood_YX.max()), contour, size_px, font)
    draw = ImageDraw.Draw(picture, "RGBA")  # fills blend by their alpha
    _write_side(draw, slice_, size_px, font)
    _write_labels(draw, picture.size, top, bottom_line(version), size_px, font)
    return np.array(picture)


def number_px(shape: tuple[int, ...]) -> int:
    """The height of letters and numbers in a picture with these rows and columns."""
    return max(8, round(min(shape) / 36))


def label_lines(
    name: str, probability: float, *, demonstration: bool, answer: Answer | None = None
) -> tuple[str, ...]:
    """The burned-in lines above the slice. name: of the slice, with its place. answer: of the
    series, for a picture that stands alone.
    """
    return (
        *([DEMONSTRATION_MODEL] if demonstration else []),
        *([ANSWERS[answer]] if answer else []),
        f"{name}  |  score of this slice {percent_text(probability)}",
    )


def bottom_line(version: str) -> str:
    return f"{PRODUCT} {version}  {RESEARCH_USE_LABEL}"


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
    """The patient's side at the left edge, on a dark ground: a large head has bone there."""
    height = slice_.hu_YX.shape[0]
    ground = [0, height // 2 - size_px, round(1.6 * size_px), height // 2 + size_px]
    draw.rectangle(ground, fill=BAND)
    draw.text(
        (round(0.8 * size_px), height // 2), left_side(slice_), font=font, fill=WHITE, anchor="mm"
    )


def _write_labels(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    top: Sequence[str],
    bottom: str,
    size_px: int,
    font: Font,
) -> None:
    """At the top and at the bottom, wrapped, on dark bands: bone and the head holder are white."""
    width, height = size
    margin, pitch = size_px // 2, round(size_px * 1.3)
    above = [row for line in top for row in wrapped(line, width - 2 * margin, size_px)]
    below = wrapped(bottom, width - 2 * margin, size_px)
    for rows, first in ((above, 0), (below, height - margin - pitch * len(below))):
        draw.rectangle([0, first, width, first + margin + pitch * len(rows)], fill=BAND)
        for index, text in enumerate(rows):
            place = (margin, first + margin + index * pitch)
            draw.text(place, text, font=font, fill=WHITE, anchor="la")
