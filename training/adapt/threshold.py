"""The threshold of the new bundle: it keeps the sensitivity before anything else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.scoring.calibration import SPECIFICITY
from ich_node.scoring.operating_point import scores_of

LEAST_TO_RISE = 20  # left-out studies
LOWEST = 0.02  # a threshold below it calls everything positive
STEPS = 10_000  # four digits: a person reads it


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a new threshold must keep: as many bleeds of a set as before.

    score_N: of each bleed, the highest threshold at which the new network finds it; 0: never.
    found_before: how many of them the old bundle finds at its threshold.
    """

    name: str
    score_N: NDArray[np.float64]
    found_before: int

    @property
    def highest(self) -> float:
        """The highest threshold that keeps them; 0 if none does, 1 if there is nothing to keep."""
        if not self.found_before:
            return 1.0
        return float(np.sort(self.score_N)[::-1][self.found_before - 1])


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """value: None if no threshold keeps the sensitivity. why: for the card and the terminal."""

    value: float | None
    why: str


def choose_threshold(
    *, before: float, kept: Sequence[Kept], negatives: Sequence[float]
) -> Threshold:
    """before: the threshold of the old bundle. negatives: of each left-out study without bleeding,
    the probability that the new network gives it.

    The network and the calibration are new, so the same number means something else. Therefore
    "the threshold does not rise" is said of what it does: at the new threshold at least as many
    bleeds of every set are found as before (those drawn into left-out studies, phantoms, the
    site's positives). And the number itself does not rise either.

    With fewer than LEAST_TO_RISE left-out studies, a few negatives cannot say where their tail
    ends: the threshold is the old one, or the highest below it that keeps the sensitivity. With so
    many or more it is the one below which SPECIFICITY of the negatives lie, and may be higher than
    the old one; it is still never higher than what keeps the sensitivity.
    """
    limit = min((each.highest for each in kept), default=1.0)
    if limit < LOWEST:
        least = min(kept, key=lambda each: each.highest)
        return Threshold(
            value=None,
            why=f"at no threshold from {LOWEST:g} on are as many {least.name} found as before",
        )
    if len(negatives) < LEAST_TO_RISE:
        wanted = before
        why = f"the old one: {len(negatives)} left-out studies are too few for it to rise"
    else:
        wanted = scores_of(list(negatives), [False] * len(negatives)).for_specificity(SPECIFICITY)
        why = f"{SPECIFICITY:.0%} of {len(negatives)} left-out studies lie below it"
    if wanted > limit:
        wanted, why = limit, "lower than wanted, so that as many bleeds are found as before"
    return Threshold(value=max(LOWEST, _floor(wanted)), why=why)


def _floor(value: float) -> float:
    """At most the value, in STEPS of the way to 1, and below 1."""
    return min(math.floor(value * STEPS + 1e-9), STEPS - 1) / STEPS
