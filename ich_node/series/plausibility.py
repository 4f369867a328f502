"""Whether the pixels are what the header says: Hounsfield units, a head, no contrast agent.
Measured, never guessed at.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import ContrastEnhanced, NoHounsfieldUnits, NotHead
from ich_node.series.brain_region import enclosed_tissue

AIR_HU = (-1150.0, -850.0)
LEAST_AIR = 0.005  # of the pixels; a head always has air beside it
BRAIN_HU = (10.0, 60.0)
LOOKED_AT = 16  # slices
VESSEL_HU = 150.0
CONTRAST_SHARE = 0.002  # plain heads here: at most 0.0012 in any slice, calcifications included


def check_hounsfield(
    hu_SYX: Sequence[NDArray[Any]], padding_SYX: Sequence[NDArray[np.bool_]]
) -> None:
    """The dark pixels that are not padding must be air: their mode lies within 150 HU of -1000.

    Raises NoHounsfieldUnits.
    """
    values = np.concatenate(
        [
            hu_YX[::4, ::4][~padding_YX[::4, ::4]]
            for hu_YX, padding_YX in zip(_sample(hu_SYX), _sample(padding_SYX), strict=True)
        ]
    )
    dark = values[values < -500]
    if dark.size < LEAST_AIR * values.size:
        raise NoHounsfieldUnits(
            "no pixel is as dark as air: RescaleSlope or RescaleIntercept is wrong"
        )
    counts, edges = np.histogram(dark, bins=60)
    mode_hu = float(edges[counts.argmax()] + edges[counts.argmax() + 1]) / 2
    if not AIR_HU[0] <= mode_hu <= AIR_HU[1]:
        raise NoHounsfieldUnits(
            f"the air around the head has {mode_hu:.0f} HU instead of -1000: RescaleSlope or RescaleIntercept is wrong"
        )


def check_head(
    hu_SYX: Sequence[NDArray[Any]], spacing_mm: Sequence[tuple[float, float]]
) -> list[NDArray[Any]]:
    """At least one slice must show brain: soft tissue that bone encloses. Returns the HU of what
    was found, one array a slice.

    Raises NotHead, or NoHounsfieldUnits if the enclosed tissue is there but has not the density of
    brain.
    """
    enclosed = [
        found
        for pair in zip(_sample(hu_SYX), _sample(spacing_mm), strict=True)
        if (found := enclosed_tissue(*pair)) is not None
    ]
    if not enclosed:
        raise NotHead("no slice shows soft tissue enclosed by a skull")
    brains = [
        values for values in enclosed if BRAIN_HU[0] <= float(np.median(values)) <= BRAIN_HU[1]
    ]
    if not brains:
        median_hu = float(np.median(np.concatenate(enclosed)))
        raise NoHounsfieldUnits(
            f"the tissue inside the skull has {median_hu:.0f} HU; brain has {BRAIN_HU[0]:.0f} to {BRAIN_HU[1]:.0f}"
        )
    return brains


def check_contrast(brains: Sequence[NDArray[Any]], hint: str) -> None:
    """The description speaks of an injection: do the vessels show it? Raises ContrastEnhanced."""
    share = float(np.mean(np.concatenate(brains) > VESSEL_HU))
    if share > CONTRAST_SHARE:
        raise ContrastEnhanced(
            f"SeriesDescription {hint}, and {share:.1%} of the brain is brighter than {VESSEL_HU:.0f} HU"
        )


def _sample(items: Sequence[Any]) -> list[Any]:
    """Up to LOOKED_AT items, evenly spread."""
    return [
        items[index]
        for index in np.unique(np.linspace(0, len(items) - 1, LOOKED_AT).round().astype(int))
    ]
