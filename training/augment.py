"""Random changes to a slice, in HU, before it is reduced and windowed as in serving."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far a slice may be changed; the defaults are those of the preset `product`. Lengths are
    in pixels of the network input.

    probability: of any change but the mirror. each: of each kind of change then. scale: 0.1 is 10 %
    larger or smaller, shear 0.05 is 5 %. separate_axes: rows and columns are scaled by themselves.
    multiply: of the stored brightness (HU + 1024), 0.02 is times or divided by 1.02. add_hu: up to
    this much more or less. blur_px, sharpen: a Gaussian of up to this sigma, or up to this much of
    the Laplacian taken away. crop_margin_px: the matrix is enlarged by this margin and cropped to
    its size at random. replicate_border: what comes in from outside repeats the border; otherwise
    it is air.
    """

    probability: float = 0.7
    each: float = 1.0
    rotation_deg: float = 15.0
    scale: float = 0.1
    separate_axes: bool = False
    shear: float = 0.0
    shift_px: float = 12.0
    multiply: float = 0.0
    add_hu: float = 3.0
    blur_px: float = 0.0
    sharpen: float = 0.0
    crop_margin_px: int = 0
    replicate_border: bool = False


@dataclass(frozen=True, kw_only=True)
class Transform:
    """One draw from an Augmentation, for a slice and its mask. matrix and shift_YX map output
    pixels to input pixels, around the middle of the slice.
    """

    mirror: bool
    matrix: NDArray[np.float64]
    shift_YX: NDArray[np.float64]
    factor: float
    add_hu: float
    sharpness: float  # -blur sigma, or +share of the Laplacian

    def affine(self, shape: tuple[int, ...], scale_px: float) -> NDArray[np.float64]:
        """(2, 3): from pixels of the changed slice of this shape, mirror included, to those of the
        slice. scale_px: pixels of this slice per pixel of the network input.
        """
        middle = (np.array(shape) - 1) / 2
        offset = middle + self.shift_YX * scale_px - self.matrix @ middle
        matrix = self.matrix
        if self.mirror:
            offset = offset + matrix[:, 1] * (shape[1] - 1)
            matrix = matrix * [1, -1]
        return np.column_stack([matrix, offset])

    def sharpness_on(self, scale_px: float) -> float:
        """In pixels of a slice: the Laplacian has the unit of one by a length squared."""
        return self.sharpness * (scale_px if self.sharpness < 0 else scale_px**2)


def draw_transform(ranges: Augmentation, rng: np.random.Generator) -> Transform:
    """Takes the same numbers from the generator whatever the ranges are."""
    mirror = bool(rng.random() < 0.5)
    changed = rng.random() < ranges.probability
    turned, multiplied, added, focused = changed & (rng.random(4) < ranges.each)
    angle = np.deg2rad(rng.uniform(-1, 1) * ranges.rotation_deg)
    scale_YX = _times(rng, ranges.scale, 2)
    shear = rng.uniform(-1, 1, 2) * ranges.shear
    shift_YX = rng.uniform(-1, 1, 2) * ranges.shift_px
    crop_YX = rng.integers(-ranges.crop_margin_px, ranges.crop_margin_px + 1, 2).astype(float)
    factor, add_hu, focus = (
        _times(rng, ranges.multiply, 1)[0],
        rng.uniform(-1, 1) * ranges.add_hu,
        rng.uniform(-1, 1),
    )
    if not ranges.separate_axes:
        scale_YX[1] = scale_YX[0]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1, shear[0]], [shear[1], 1]]) / scale_YX
    return Transform(
        mirror=mirror,
        matrix=matrix if turned else np.eye(2),
        shift_YX=(shift_YX if turned else np.zeros(2)) + crop_YX,
        factor=float(factor) if multiplied else 1.0,
        add_hu=float(add_hu) if added else 0.0,
        sharpness=float(-focus * ranges.sharpen if focus < 0 else -focus * ranges.blur_px)
        * bool(focused),
    )


def _times(rng: np.random.Generator, by: float, count: int) -> NDArray[np.float64]:
    """1 + U(0, by), or its inverse with the same probability."""
    factors: NDArray[np.float64] = (1 + rng.uniform(0, 1, count) * by) ** rng.choice([-1, 1], count)
    return factors
