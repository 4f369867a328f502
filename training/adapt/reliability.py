"""Whether slices that are called 70 % probable bleed in 70 of 100 cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Slices of similar probability. predicted: their mean probability; bleeding: the share of them
    that bleed.
    """

    slices: int
    predicted: float
    bleeding: float


def reliability(probability_N: NDArray[np.float64], label_N: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """In BINS of equal width; those without a slice are left out."""
    bin_N = np.minimum((probability_N * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            slices=int((bin_N == number).sum()),
            predicted=float(probability_N[bin_N == number].mean()),
            bleeding=float(label_N[bin_N == number].mean()),
        )
        for number in np.unique(bin_N)
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """The mean difference of what is predicted and what is so, over all slices (ECE)."""
    total = sum(each.slices for each in bins)
    return sum(each.slices * abs(each.predicted - each.bleeding) for each in bins) / max(1, total)
