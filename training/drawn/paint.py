"""Mix what is drawn into the tissue, with the noise of its scan, and note where blood is."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ich_node.phantom.bleeds import BleedKind
from training.drawn.ground import Ground, Mask
from training.drawn.noise import Field

# Measured in the boxes of 180 real bleeds (CT-ICH v1.0, the training part), 10th, 50th, 90th
# percentile. HU of the core: EDH 44 58 69, IPH 54 61 70, SDH 57 65 76, SAH 49 63 69, IVH 46 48 57;
# over the brain around them: EDH 13 23 33, IPH 17 27 35, SDH 22 32 38.
# Standard deviation in the core after smoothing by 1.1 mm: EDH 2.8 4.7 7.8, IPH 2.2 4.8 6.0, SDH
# 4.6 7.9 10.7, IVH 1.4 2.4 3.7; of the finest detail: as in the brain around.
# Edge towards the brain, as the sigma of a Gaussian: EDH 1.0 1.4 1.8 mm, IPH 0.8 1.2 1.5, SDH 1.1
# 1.6 2.4, IVH 0.5 0.8 1.2: the scanner's resolution, and slices of 5 mm through oblique surfaces.
TEXTURE_HU = (2.0, 5.5)
EDGE_MM = (0.6, 1.5)
LEAST_CHANGE_HU = 3.0  # in a voxel, for it to count as blood
LEAST_SHARE = 0.5
LEAST_MM2 = 9.7  # in a slice, for it to be positive (training.pool_examples)
GREY_OVER_BRAIN_HU = 3.0
LEAST_OVER_GREY_HU = 9.0  # fresh blood that fills its voxels is never fainter
LEAST_SEEN_HU = 8.0  # the brightest quarter, after blur and partial volume


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A ground with one bleed more, and where that bleed is."""

    ground: Ground
    mask_SYX: Mask
    kind: BleedKind
    fresh: bool = True

    def is_seen(self, before: Ground) -> bool:
        """Large enough in one slice, and if fresh as bright over the brain as it must be."""
        if np.count_nonzero(self.mask_SYX, axis=(1, 2)).max() * before.pixel_mm2 < LEAST_MM2:
            return False
        if not self.fresh:
            return True
        now = self.ground.smooth_SYX[self.mask_SYX]
        rise = now - before.smooth_SYX[self.mask_SYX]
        over_grey = np.quantile(now, 0.75) - before.brain_hu - GREY_OVER_BRAIN_HU
        return bool(min(np.quantile(rise, 0.75), over_grey) >= LEAST_SEEN_HU)


def mixed(ground: Ground, share_SYX: Field, hu_SYX: Field | np.float32) -> Ground:
    """share_SYX of each voxel is of hu_SYX, and has the noise of the scan."""
    share_SYX = share_SYX * ground.cavity_SYX
    drawn_SYX = hu_SYX + ground.grain_SYX
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
    least = ground.brain_hu + GREY_OVER_BRAIN_HU + LEAST_OVER_GREY_HU
    return max(float(rng.uniform(low, high)), least)


def texture(
    rng: np.random.Generator, ground: Ground, sd_hu: tuple[float, float] = TEXTURE_HU
) -> Field:
    """How unevenly a clot is dense: HU to add, slow and less slow changes."""
    fine_SYX = ground.noise(rng, rng.uniform(1.8, 4.0))
    slow_SYX = ground.noise(rng, rng.uniform(5.0, 12.0))
    sd = np.float32(rng.uniform(*sd_hu) / 1.25)
    uneven_SYX: Field = sd * (fine_SYX + np.float32(0.75) * slow_SYX)
    return uneven_SYX


def edge_mm(rng: np.random.Generator, size_mm: float) -> float:
    """Sigma of the edge of something so thick: what is thin is not blurred away."""
    return min(float(rng.uniform(*EDGE_MM)), 0.33 * size_mm)


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
