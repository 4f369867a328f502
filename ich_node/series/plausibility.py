"""Whether the pixel values are Hounsfield units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import NoHounsfieldUnits
from ich_node.series.morphology import in_pixels

SAMPLED_MM = 1.9  # every so many mm of a slice is enough for a histogram
SAMPLED_SLICES = 16
DARK_HU = -500.0  # darker is air, lung or padding
AIR_HU = (-1150.0, -850.0)
AIR_BIN_HU = 10.0
LEAST_AIR = 0.005  # of the pixels; a head always has air beside it
BRAIN_HU = (10.0, 60.0)


def check_hounsfield(
    hu_SYX: Sequence[NDArray[Any]],
    padding_SYX: Sequence[NDArray[np.bool_]],
    *,
    spacing_mm: Sequence[tuple[float, float]],
) -> None:
    """The dark pixels that are not padding must be air: their mode lies within 150 HU of -1000.

    Raises NoHounsfieldUnits.
    """
    samples = []
    for index in sample(len(hu_SYX)):
        step = in_pixels(SAMPLED_MM, min(spacing_mm[index]))
        seen_YX = ~padding_SYX[index][::step, ::step]
        samples.append(hu_SYX[index][::step, ::step][seen_YX])
    values = np.concatenate(samples)
    dark = values[values < DARK_HU]
    if dark.size <= LEAST_AIR * values.size:
        raise NoHounsfieldUnits(
            "no pixel is as dark as air: RescaleSlope or RescaleIntercept is wrong"
        )
    counts, edges = np.histogram(dark, bins=np.arange(dark.min(), DARK_HU + AIR_BIN_HU, AIR_BIN_HU))
    mode_hu = float(edges[counts.argmax()]) + AIR_BIN_HU / 2
    if not AIR_HU[0] <= mode_hu <= AIR_HU[1]:
        raise NoHounsfieldUnits(
            f"the air around the head has {mode_hu:.0f} HU instead of -1000: "
            "RescaleSlope or RescaleIntercept is wrong"
        )


def check_brain(enclosed: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """enclosed: HU of what bone encloses, one array for each slice; at least one. Returns those
    with the density of brain. Raises NoHounsfieldUnits if there is none.
    """
    brains = [
        tissue for tissue in enclosed if BRAIN_HU[0] <= float(np.median(tissue)) <= BRAIN_HU[1]
    ]
    if not brains:
        median_hu = float(np.median(np.concatenate(enclosed)))
        raise NoHounsfieldUnits(
            f"the tissue inside the skull has {median_hu:.0f} HU; "
            f"brain has {BRAIN_HU[0]:.0f} to {BRAIN_HU[1]:.0f}"
        )
    return brains


def sample(count: int) -> list[int]:
    """Up to SAMPLED_SLICES indices, evenly spread."""
    spread = np.linspace(0, count - 1, SAMPLED_SLICES).round().astype(int)
    return [int(index) for index in np.unique(spread)]
