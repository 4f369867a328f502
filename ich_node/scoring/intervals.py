"""Confidence intervals by bootstrap over patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A percentile interval of LEVEL; nan where there is none."""

    low: float
    high: float


def bootstrap(
    patient_N: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> Interval:
    """The interval of statistic(row indices) over patients drawn with replacement, all rows of a
    patient together. The same seed gives the same interval.

    Slices of one patient resemble each other: drawing slices would make the interval far too
    narrow. Draws in which the statistic is nan (no negative patient, say) are left out; if half of
    them or more are, there is no interval.
    """
    _, patient_of_row = np.unique(np.asarray(patient_N), return_inverse=True)
    patients = int(patient_of_row.max()) + 1 if len(patient_of_row) else 0
    if patients < 2:
        return Interval(low=nan, high=nan)
    rows_of = [np.flatnonzero(patient_of_row == patient) for patient in range(patients)]
    rng = np.random.default_rng(seed)

    def draw() -> NDArray[np.intp]:
        drawn = rng.integers(0, patients, patients)
        return np.concatenate([rows_of[patient] for patient in drawn])

    values = np.array([statistic(draw()) for _ in range(resamples)])
    values = values[~np.isnan(values)]
    if 2 * len(values) <= resamples:
        return Interval(low=nan, high=nan)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))
