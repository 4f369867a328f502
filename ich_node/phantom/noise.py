"""Smooth random fields of unit variance: white noise on a lattice, under Gaussian kernels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.phantom.frame import Field

REACH_MM = 130.0


@dataclass(frozen=True, kw_only=True)
class Planar:
    """A field over the plane of the image that changes slowly with the level; separable, so two
    small products make it.
    """

    white_ZYX: Field
    cell_mm: float

    def at(self, level_mm: float, shape: tuple[int, ...], pixel_mm: float) -> Field:
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
    """Gaussian of every position to every lattice point, with unit sum of squares: unit variance."""
    lattice = (np.arange(cells) - (cells - 1) / 2) * cell_mm
    kernel = np.exp(-0.5 * ((positions_mm[:, None] - lattice) / (0.7 * cell_mm)) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    return kernel.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Solid:
    """A field that can be looked up anywhere in a cube of +-LATTICE_HALF_MM."""

    values_ZYX: Field
    spacing_mm: float

    def at(self, z: Field, y: Field, x: Field) -> Field:
        middle = np.float32((len(self.values_ZYX) - 1) / 2)
        scale = np.float32(1 / self.spacing_mm)
        index = np.stack([z * scale + middle, y * scale + middle, x * scale + middle])
        found: Field = ndimage.map_coordinates(
            self.values_ZYX, index, order=1, mode="nearest", output=np.float32
        )
        return found


def solid(
    rng: np.random.Generator, scale_mm: float, *, spacing_mm: float = 3.2, fine: float = 0.45
) -> Solid:
    """Two octaves; zero lines lie about 3 scale_mm apart."""
    cells = int(210 / spacing_mm)
    total = np.zeros((cells, cells, cells), dtype=np.float32)
    for share, sigma in ((1.0, scale_mm), (fine, scale_mm * 0.55)):
        octave = ndimage.gaussian_filter(
            rng.standard_normal(total.shape, dtype=np.float32),
            sigma / spacing_mm,
            truncate=2.5,
            mode="wrap",
        )
        total += np.float32(share) * octave / octave.std()
    return Solid(values_ZYX=total / total.std(), spacing_mm=spacing_mm)
