"""How bright the vessels of the brain are: contrast agent, measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import ContrastEnhanced
from ich_node.series.contrast_words import ContrastWords
from ich_node.series.series import SeriesWarning
from ich_node.series.shipped_rules import CONTRAST_WORDS

# Clots reach about 90 HU, vessels with agent 100 to 500; brighter is bone or metal.
VESSEL_HU = (100.0, 150.0, 700.0)
LEAST_SLICES = 4


@dataclass(frozen=True, kw_only=True)
class Vessels:
    """Shares of the brain's pixels, 0..1. enhanced: from 100 to 150 HU; bright: from 150 to 700 HU;
    typical: both together, in the median slice: vessels are in every slice, calcifications, clips
    and the rim of a bone in some.
    """

    enhanced: float
    bright: float
    typical: float

    def exceed(self, limit: "Vessels") -> bool:
        return (
            self.enhanced > limit.enhanced
            or self.bright > limit.bright
            or self.typical > limit.typical
        )


# Measured on real series (enhanced, bright, typical, in %):
#   plain, seven:                          up to 0.09   0.13 (clips)   0.05
#   plain, others with metal in them:      up to 0.24
#   injected, 0.6 mm, vessels 100 to 150:        0.52   0.00           0.33
#   plain with drawn vessels of 180 to 250:      0.01   0.75           0.75
WITH_WORDS = Vessels(enhanced=0.0030, bright=0.0025, typical=0.0010)
WITHOUT_WORDS = Vessels(enhanced=0.0035, bright=0.0030, typical=0.0015)


def vessels(stacks: Sequence[Sequence[NDArray[Any]]]) -> Vessels:
    """stacks: the HU of brain, one array for each slice that shows it; at least one. The brightest
    stack counts: of two acquisitions one may be the one with contrast agent.
    """
    return max(
        (_of_one_stack(brains) for brains in _large(stacks)), key=lambda measured: measured.typical
    )


def _large(stacks: Sequence[Sequence[NDArray[Any]]]) -> Sequence[Sequence[NDArray[Any]]]:
    """A few slices alone, of the skull base for example, say nothing."""
    large = [brains for brains in stacks if len(brains) >= LEAST_SLICES]
    return large or [[brain for brains in stacks for brain in brains]]


def _of_one_stack(brains: Sequence[NDArray[Any]]) -> Vessels:
    shares = np.array([_shares(brain) for brain in brains])
    sizes = np.array([brain.size for brain in brains])
    enhanced, bright = sizes @ shares / sizes.sum()
    return Vessels(
        enhanced=float(enhanced),
        bright=float(bright),
        typical=float(np.median(shares.sum(axis=1))),
    )


def _shares(brain: NDArray[Any]) -> tuple[float, float]:
    """Without the tail of the noise: as much as lies as far below the median."""
    low, high, most = VESSEL_HU
    twice_median = 2 * float(np.median(brain))

    def share(first: float, last: float) -> float:
        count = np.count_nonzero((brain >= first) & (brain < last))
        noise = np.count_nonzero((brain <= twice_median - first) & (brain > twice_median - last))
        return max(0.0, float(count - noise)) / brain.size

    return share(low, high), share(high, most)


def check_contrast(words: ContrastWords, measured: Vessels) -> tuple[SeriesWarning, ...]:
    """Words and vessels together are contrast agent; either alone is a warning.

    Raises ContrastEnhanced.
    """
    seen = (
        f"{measured.enhanced:.2%} of the brain has 100 to 150 HU, {measured.bright:.2%} more "
        f"than 150 HU, {measured.typical:.2%} of a typical slice is as bright"
    )
    if words and measured.exceed(WITH_WORDS):
        raise ContrastEnhanced(
            f"{words.text}, and the vessels show it: {seen}; contrast looks like blood, "
            "send the plain series",
            rule=CONTRAST_WORDS,
            why=words.text,
        )
    if measured.exceed(WITHOUT_WORDS):
        said = "a rule ignores what the header says" if words.ignored else "the header names none"
        return (
            SeriesWarning(
                kind="contrast_suspected",
                detail=f"vessels as bright as with contrast agent: {seen}; {said}",
            ),
        )
    if words.stated:
        return (
            SeriesWarning(
                kind="contrast_suspected",
                detail=f"{words.text}, but no vessel shows contrast agent: {seen}",
            ),
        )
    return ()
