"""Smooth random fields of unit variance: white noise on a lattice, smoothed by Gaussian kernels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom.frame import Field

REACH_MM = 130.0
CUBE_MM = 210.0  # side of a solid field
SPACING_MM = 3.2  # of its values
FINE_OCTAVE = 0.45  # amplitude beside the coarse one


@dataclass(frozen=True, kw_only=True)
class Planar:
    """A field over the plane of the image that changes slowly with the level. The kernel is
    separable, so the field is two small matrix products.
    """

    white_ZYX: Field
    cell_mm: float

    def at(self, level_mm: float, shape: tuple[int, ...], *, pixel_mm: float) -> Field:
        """The field on the pixels of a plane."""
        layers = _weights(np.array([level_mm]), len(self.white_ZYX), self.cell_mm)[0]
        white_YX = np.tensordot(layers, self.white_ZYX, axes=1)
        along, across = (
            _weights((np.arange(length) - (length - 1) / 2) * pixel_mm, cells, self.cell_mm)
            for length, cells in zip(shape, white_YX.shape, strict=True)
        )
        found: Field = along @ white_YX @ across.T
        return found


def planar(rng: np.random.Generator, cell_mm: float) -> Planar:
    cells = int(2 * REACH_MM / cell_mm) + 3
    return Planar(
        white_ZYX=rng.standard_normal((cells, cells, cells), dtype=np.float32), cell_mm=cell_mm
    )


def _weights(positions_mm: NDArray[np.floating], cells: int, cell_mm: float) -> Field:
    """Gaussian of the distance of every position to every lattice point. The squares sum to 1, so
    the variance of the field is 1.
    """
    lattice = (np.arange(cells) - (cells - 1) / 2) * cell_mm
    kernel = np.exp(-0.5 * ((positions_mm[:, None] - lattice) / (0.7 * cell_mm)) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    return kernel.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Solid:
    """A field in a cube of CUBE_MM around the origin; its border continues outside."""

    values_ZYX: Field

    def at(self, z: Field, y: Field, x: Field) -> Field:
        """Linear interpolation at these places, in mm."""
        middle = np.float32((len(self.values_ZYX) - 1) / 2)
        scale = np.float32(1 / SPACING_MM)
        index = np.stack([z * scale + middle, y * scale + middle, x * scale + middle])
        found: Field = ndimage.map_coordinates(
            self.values_ZYX, index, order=1, mode="nearest", output=np.float32
        )
        return found


def solid(rng: np.random.Generator, scale_mm: float) -> Solid:
    """Two octaves; zero lines lie about 3 scale_mm apart."""
    cells = int(CUBE_MM / SPACING_MM)
    total = np.zeros((cells, cells, cells), dtype=np.float32)
    for share, sigma in ((1.0, scale_mm), (FINE_OCTAVE, scale_mm * 0.55)):
        octave = ndimage.gaussian_filter(
            rng.standard_normal(total.shape, dtype=np.float32),
            sigma / SPACING_MM,
            truncate=2.5,
            mode="wrap",
        )
        total += np.float32(share) * octave / octave.std()
    return Solid(values_ZYX=total / total.std())
