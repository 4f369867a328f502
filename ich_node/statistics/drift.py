"""Whether the scores of a period lie where those of an earlier one did."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SERIES = 30
# The greatest difference between the shares of series below any one score (Kolmogorov-Smirnov).
# Smaller ones change little for anybody, however sure they are in a large sample.
LEAST_SHIFT = 0.1
SIGNIFICANT = 0.01


@dataclass(frozen=True, kw_only=True)
class Drift:
    """earlier, recent: how many series. shift: the greatest difference between the shares below a
    score, and at which score; nan if there are too few series to say. reference: what the earlier
    scores are, in words.
    """

    reference: str
    earlier: int
    recent: int
    shift: float
    at_score: float
    p_value: float
    median_earlier: float
    median_recent: float

    @property
    def is_known(self) -> bool:
        return min(self.earlier, self.recent) >= LEAST_SERIES

    @property
    def has_drifted(self) -> bool:
        return self.is_known and self.shift >= LEAST_SHIFT and self.p_value < SIGNIFICANT

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.is_known:
            return (
                f"too few series to compare ({self.recent}, and {self.earlier} of the reference;"
                f" {LEAST_SERIES} of each are needed)"
            )
        medians = f"median {self.median_recent:.2f}, before {self.median_earlier:.2f}"
        size = f"at most {100 * self.shift:.0f} % of the series lie elsewhere"
        if not self.has_drifted:
            return f"like those of the reference ({medians}; {size})"
        way = "higher" if self.median_recent >= self.median_earlier else "lower"
        return (
            f"DRIFT: the scores are {way} than those of the reference ({medians}; {size}): look for"
            " another scanner, protocol or kind of patient, or check the model"
        )


def drift(
    earlier_N: NDArray[np.float64], recent_N: NDArray[np.float64], *, reference: str
) -> Drift:
    """Two-sample Kolmogorov-Smirnov test."""
    from scipy.stats import ks_2samp  # takes 0.3 s to import

    nan = float("nan")
    shift = at_score = p_value = nan
    if min(len(earlier_N), len(recent_N)) >= LEAST_SERIES:
        found = ks_2samp(earlier_N, recent_N, method="asymp")
        shift, p_value = float(found.statistic), float(found.pvalue)
        at_score = float(found.statistic_location)
    return Drift(
        reference=reference,
        earlier=len(earlier_N),
        recent=len(recent_N),
        shift=shift,
        at_score=at_score,
        p_value=p_value,
        median_earlier=float(np.median(earlier_N)) if len(earlier_N) else nan,
        median_recent=float(np.median(recent_N)) if len(recent_N) else nan,
    )
