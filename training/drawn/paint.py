"""Mix what is drawn into the tissue, with the noise of its scan, and note where blood is."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ich_node.phantom.bleeds import BleedKind
from training.drawn.ground import Ground, Mask
from training.drawn.noise import Field

LEAST_CHANGE_HU = 3.0  # in a voxel, for it to count as blood
LEAST_SHARE = 0.5
LEAST_OVER_BRAIN_HU = 8.0  # fresh blood is never fainter, whole voxels of it


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A ground with one bleed more, and where that bleed is."""

    ground: Ground
    mask_SYX: Mask
    kind: BleedKind


def mixed(
    ground: Ground, share_SYX: Field, hu_SYX: Field | np.float32, grain_SYX: Field | None = None
) -> Ground:
    """share_SYX of each voxel is of hu_SYX, and has the noise of the scan (of the ground itself, if
    no other is given).
    """
    share_SYX = share_SYX * ground.cavity_SYX
    drawn_SYX = hu_SYX + (ground.grain_SYX if grain_SYX is None else grain_SYX)
    return replace(ground, hu_SYX=ground.hu_SYX + share_SYX * (drawn_SYX - ground.hu_SYX))


def blood_mask(before: Ground, after: Ground, share_SYX: Field) -> Mask:
    """Where at least half of a voxel is blood and its density shows it."""
    return (
        (share_SYX >= LEAST_SHARE)
        & before.cavity_SYX
        & (np.abs(after.hu_SYX - before.hu_SYX) >= LEAST_CHANGE_HU)
    )


def blood_hu(rng: np.random.Generator, ground: Ground, *, low: float, high: float) -> float:
    """Density of fresh blood, not fainter than LEAST_OVER_BRAIN_HU over grey matter."""
    least = ground.brain_hu + 3.0 + LEAST_OVER_BRAIN_HU  # grey matter: 3 HU above the median
    return max(float(rng.uniform(low, high)), least)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_place(
    rng: np.random.Generator, places_SYX: NDArray[np.bool_]
) -> tuple[float, float, float] | None:
    """One voxel of a mask; None if it is empty."""
    places = np.flatnonzero(places_SYX)
    if not len(places):
        return None
    index, row, column = np.unravel_index(places[rng.integers(len(places))], places_SYX.shape)
    return float(index), float(row), float(column)
