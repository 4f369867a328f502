"""One number for a series: what to add to its HU so that brain has the density the model expects.

The density of brain differs between scanners by more than fresh blood differs from brain: 29 to 32
HU on most, 43 on some. A model may ask (InputSpec.brain_hu) that the most frequent density of the
tissue inside the skull lies at one value. The whole series is shifted by one number, so that no
contrast inside it changes. The shift is bounded, because a huge bleed or oedema moves the mode too,
and it is part of the Reading.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ich_node.series.brain_region import brain_tissue
from ich_node.series.series import Slice

SOFT_TISSUE_HU = (5, 70)
MOST_SHIFT_HU = 15.0
SMOOTHING_HU = 2.0
LEAST_PIXELS = 1_500  # of about 0.9 mm: 12 cm2


def brain_shift(slices: Iterable[Slice], brain_hu: float | None) -> float:
    """What to add to every HU of these slices: brain_hu minus the median of the slices' modes.

    0 if brain_hu is None (the model asks for nothing) or no slice shows brain.
    """
    if brain_hu is None:
        return 0.0
    return shift_of_brain(slices, brain_hu) or 0.0


def shift_of_brain(slices: Iterable[Slice], brain_hu: float) -> float | None:
    """The same; None if no slice shows brain."""
    modes = [mode for slice_ in slices if (mode := _mode_of(slice_)) is not None]
    if not modes:
        return None
    return float(np.clip(brain_hu - np.median(modes), -MOST_SHIFT_HU, MOST_SHIFT_HU))


def _mode_of(slice_: Slice) -> float | None:
    tissue = brain_tissue(slice_.hu_YX, slice_.pixel_spacing_mm)
    if tissue is None or tissue.size < LEAST_PIXELS:
        return None
    low, high = SOFT_TISSUE_HU
    counts, edges = np.histogram(tissue, bins=high - low, range=(low, high))
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(counts.astype(np.float64), SMOOTHING_HU)
    return float(edges[smooth.argmax()]) + 0.5
