"""Smooth random fields over a stack, of unit variance, made on a coarse lattice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]  # float32 where nothing else is said
Spacing = tuple[float, float, float]  # mm from slice to slice, row to row, column to column
KERNEL = 0.7  # sigma of the interpolation, in cells of the lattice


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], *, spacing: Spacing, cell_mm: float
) -> Field:
    """Independent values about 2 cell_mm apart, in millimetres in all three directions."""
    weights = [_weights(length, step, cell_mm) for length, step in zip(shape, spacing, strict=True)]
    white = rng.standard_normal([weight.shape[1] for weight in weights], dtype=np.float32)
    along_S, along_Y, along_X = weights
    slices = np.tensordot(along_S, white, axes=1)
    found: Field = along_Y @ slices @ along_X.T
    return found


def _weights(length: int, step_mm: float, cell_mm: float) -> Field:
    """Gaussian weights of the lattice's points for each position; their squares sum to 1, so that
    the variance stays 1.
    """
    cells = int(length * step_mm / cell_mm) + 4
    lattice = np.arange(cells, dtype=np.float32) - np.float32(1.5)
    away = (np.arange(length, dtype=np.float32) * np.float32(step_mm / cell_mm))[:, None] - lattice
    kernel = np.exp(-0.5 * (away / KERNEL) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    return kernel.astype(np.float32)
