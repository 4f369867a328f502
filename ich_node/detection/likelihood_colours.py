"""The colours in which people see a likelihood: in the pictures that are sent, and on the site."""

import numpy as np
from numpy.typing import NDArray

# Dark violet to pale yellow, the upper part of the colour map "inferno". Brightness rises with the
# likelihood, so that the order is visible with every kind of colour vision and in a grey print.
COLOURS = np.array(
    [
        (85, 15, 109),
        (136, 34, 106),
        (186, 54, 85),
        (227, 89, 51),
        (249, 140, 10),
        (249, 201, 50),
        (252, 255, 164),
    ],
    float,
)
# Blue differs from the colours above with nearly every kind of colour vision.
CONTOUR_COLOUR = np.array((90, 225, 255), float)
# Tissues can be told apart under the strongest colour.
MAX_OPACITY = 0.4
VISIBLE_FROM = 0.05  # likelihood below which there is no colour
CONTOUR_PX = 1.3


def colour_of(share: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """0 to 1 -> RGB, 0 to 255, on a new last axis."""
    stops = np.linspace(0, 1, len(COLOURS))
    return np.stack(
        [np.interp(share, stops, COLOURS[:, channel]) for channel in range(3)], axis=-1
    ).astype(np.float32)


def opacity_of(share_YX: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 to 1; 0 for what has no colour. The square root makes low likelihood visible."""
    opacity_YX: NDArray[np.float32] = np.sqrt(
        np.clip((share_YX - VISIBLE_FROM) / (1 - VISIBLE_FROM), 0, 1)
    )
    return opacity_YX


def where_visible(likelihood_YX: NDArray[np.float32]) -> tuple[slice, slice] | None:
    """The box that contains all colour, with a margin for the gradient of the contour."""
    visible_YX = likelihood_YX > VISIBLE_FROM
    rows, columns = np.flatnonzero(visible_YX.any(axis=1)), np.flatnonzero(visible_YX.any(axis=0))
    if not rows.size:
        return None
    return slice(max(0, rows[0] - 4), rows[-1] + 5), slice(max(0, columns[0] - 4), columns[-1] + 5)


def contour_line(share_YX: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Opacity of the contour line. The distance of a pixel to the line is estimated as its
    difference from `level` divided by the gradient, which gives smooth edges.
    """
    if min(share_YX.shape) < 2:
        return np.zeros_like(share_YX)
    down_YX, right_YX = np.gradient(share_YX)
    distance_px_YX = np.abs(share_YX - np.float32(level)) / (
        np.hypot(down_YX, right_YX) + np.float32(1e-6)
    )
    line_YX: NDArray[np.float32] = np.clip(np.float32(CONTOUR_PX / 2 + 0.5) - distance_px_YX, 0, 1)
    return line_YX
