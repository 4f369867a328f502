"""PNG: a slice in grey, its thumbnail, and the likelihood map as a transparent layer over it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ich_node.detection.kept_reading import KeptMap
from ich_node.detection.likelihood_colours import (
    CONTOUR_COLOUR,
    colour_of,
    contour_line,
    opacity_of,
    where_visible,
)
from ich_node.detection.network_input import Window
from ich_node.detection.on_slice import on_slice
from ich_node.series.hounsfield import Pixels
from ich_node.web.pictures.windows import FIRST

THUMBNAIL_PX = 72
# The time counts more than the size: the network between node and browser is the hospital's.
COMPRESSION = 1


def slice_png(pixels: Pixels, window: Window) -> bytes:
    """In the matrix of the slice; padding is black."""
    return _png(Image.fromarray(grey(pixels, window)))


def grey(pixels: Pixels, window: Window) -> NDArray[np.uint8]:
    """As in the pictures that are sent (report/drawing.py), with any window."""
    share_YX = pixels.hu_YX.astype(np.float32)
    share_YX -= np.float32(window.lower_hu)
    share_YX /= np.float32(window.width_hu)
    np.clip(share_YX, 0, 1, out=share_YX)
    share_YX *= np.float32(255)
    grey_YX: NDArray[np.uint8] = share_YX.astype(np.uint8)
    grey_YX[pixels.padding_YX] = 0
    return grey_YX


def thumbnail_png(pixels: Pixels) -> bytes:
    """In the brain window."""
    picture = Image.fromarray(grey(pixels, FIRST))
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return _png(picture)


def map_png(likelihood_YX: NDArray[np.float16], its_map: KeptMap, shape: tuple[int, int]) -> bytes:
    """In the matrix of the slice, with the colours and the line of the pictures that are sent;
    transparent where there is no likelihood. shape: rows, columns.
    """
    shown_YX = on_slice(
        likelihood_YX.astype(np.float32), its_map.grid, size_px=its_map.size_px, shape=shape
    )
    return _png(Image.fromarray(map_layer(shown_YX, its_map.contour), "RGBA"))


def map_layer(likelihood_YX: NDArray[np.float32], contour: float) -> NDArray[np.uint8]:
    """RGBA: the line over the colour. Fully opaque where the likelihood is 1: the viewer blends."""
    layer_YXC = np.zeros((*likelihood_YX.shape, 4), dtype=np.uint8)
    box = where_visible(likelihood_YX)
    if box is None:
        return layer_YXC
    share_YX = np.clip(likelihood_YX[box], 0, 1).astype(np.float32)
    line_YX1 = contour_line(share_YX, contour)[..., None]
    below_YX1 = opacity_of(share_YX)[..., None] * (1 - line_YX1)
    alpha_YX1 = line_YX1 + below_YX1
    mixed_YXC = CONTOUR_COLOUR.astype(np.float32) * line_YX1 + colour_of(share_YX) * below_YX1
    layer_YXC[box] = np.concatenate(
        [mixed_YXC / np.maximum(alpha_YX1, np.float32(1e-6)), 255 * alpha_YX1], axis=-1
    ).astype(np.uint8)
    return layer_YXC


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=COMPRESSION)
    return file.getvalue()
