"""Where the threshold of series lies on a site's own scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ich_node.errors import ConfigError
from ich_node.scoring.counts import share

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)  # scipy.stats takes 0.3 s and 46 MB to import
MOST_ROWS = 9
BINS = 20
MOST_REFERENCE = 500


@dataclass(frozen=True, kw_only=True)
class Share:
    """right of total, with the interval of LEVEL (Wilson); nan without a total."""

    right: int
    total: int

    @property
    def value(self) -> float:
        return share(self.right, self.total)

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return float("nan"), float("nan")
        middle = (self.right + Z**2 / 2) / (self.total + Z**2)
        wrong = self.total - self.right
        half = Z * math.sqrt(self.right * wrong / self.total + Z**2 / 4) / (self.total + Z**2)
        return (
            0.0 if self.right == 0 else max(0.0, middle - half),
            1.0 if wrong == 0 else min(1.0, middle + half),
        )


@dataclass(frozen=True, kw_only=True)
class SeriesScores:
    """score_N: the highest probability of each series. label_N: 1 it bleeds, 0 it does not, -1
    nobody said. days: how long it took until so many series had come; None: not known.
    """

    score_N: NDArray[np.float64]
    label_N: NDArray[np.int8]
    days: float | None = None

    @property
    def bleeding_N(self) -> NDArray[np.float64]:
        bleeding_N: NDArray[np.float64] = self.score_N[self.label_N == 1]
        return bleeding_N

    @property
    def healthy_N(self) -> NDArray[np.float64]:
        """What the specificity is of: the series that do not bleed; without labels all of them, of
        which some bleed: then the true specificity is higher.
        """
        known = self.score_N[self.label_N == 0]
        return known if len(known) else self.score_N

    def at(self, threshold: float) -> "PointOnCurve":
        return PointOnCurve(
            threshold=threshold,
            sensitivity=Share(
                right=int((self.bleeding_N >= threshold).sum()), total=len(self.bleeding_N)
            ),
            specificity=Share(
                right=int((self.healthy_N < threshold).sum()), total=len(self.healthy_N)
            ),
            positive=Share(right=int((self.score_N >= threshold).sum()), total=len(self.score_N)),
            alerts_per_day=None
            if not self.days
            else float((self.score_N >= threshold).sum()) / self.days,
        )

    def for_specificity(self, specificity: float) -> float:
        """The lowest threshold at which this share of the healthy series is negative. Raises
        ConfigError.
        """
        if not len(self.healthy_N):
            raise ConfigError("there is no series to take the specificity from")
        ordered = np.sort(self.healthy_N)
        most_positive = int(np.floor((1 - specificity) * len(ordered) + 1e-9))
        return self._above(float(ordered[len(ordered) - 1 - most_positive]))

    def for_alerts(self, per_day: float) -> float:
        """The lowest threshold with at most so many positive series a day. Raises
        ConfigError.
        """
        if not self.days:
            raise ConfigError("alerts a day need times: only the jobs of the ledger have them")
        ordered = np.sort(self.score_N)
        most_positive = int(np.floor(per_day * self.days + 1e-9))
        if most_positive > len(ordered):
            raise ConfigError(
                f"--alerts-per-day {per_day:g} is more than all series: there were"
                f" {len(ordered) / self.days:.3g} a day"
            )
        if most_positive == len(ordered):
            return self._above(0.0)
        return self._above(float(ordered[len(ordered) - 1 - most_positive]))

    def for_sensitivity(self, sensitivity: float) -> float:
        """The highest threshold at which this share of the bleeding series is positive. Raises
        ConfigError without any.
        """
        if not len(self.bleeding_N):
            raise ConfigError(
                "no series is known to bleed, so the sensitivity is unknown; give --specificity or"
                " --alerts-per-day, or labels (`ich-node verdicts import`)"
            )
        ordered = np.sort(self.bleeding_N)[::-1]
        least_positive = max(1, int(np.ceil(sensitivity * len(ordered) - 1e-9)))
        return _rounded(float(ordered[least_positive - 1]), at_most=True)

    def reference(self) -> list[float]:
        """The scores that later ones are compared with, in their order; of many series an even
        choice.
        """
        ordered = np.sort(self.score_N)
        count = min(len(ordered), MOST_REFERENCE)
        chosen = ordered[((np.arange(count) + 0.5) * len(ordered) / max(count, 1)).astype(int)]
        return [round(float(score), 4) for score in chosen]

    def curve(self, chosen: float, now: float) -> list["PointOnCurve"]:
        """Points from many positives to few, those of both thresholds among them."""
        quantiles = np.quantile(self.score_N, np.linspace(0.3, 0.99, MOST_ROWS - 2))
        others = {_rounded(float(one), at_most=False) for one in quantiles if 0 < one < 1}
        return [self.at(threshold) for threshold in sorted({*others, chosen, now})]

    def _above(self, score: float) -> float:
        """A threshold between this score and the next higher one of all series."""
        higher = self.score_N[self.score_N > score]
        above = float(higher.min()) if len(higher) else 1.0
        return _rounded((score + above) / 2, at_most=False, between=(score, above))


@dataclass(frozen=True, kw_only=True)
class PointOnCurve:
    """What a threshold gives. alerts_per_day: None where the times are not known."""

    threshold: float
    sensitivity: Share
    specificity: Share
    positive: Share
    alerts_per_day: float | None


def _rounded(
    threshold: float, *, at_most: bool, between: tuple[float, float] = (0.0, 1.0)
) -> float:
    """With the fewest digits that change no answer, four at least: a person reads it."""
    for digits in range(4, 12):
        factor = 10**digits
        step = np.floor if at_most else np.round
        short = float(step(threshold * factor) / factor)
        if between[0] < short <= between[1] and 0 < short < 1:
            return short
    return threshold


def scores_of(
    scores: Sequence[float], labels: Sequence[bool | None], *, days: float | None = None
) -> SeriesScores:
    """labels: None where nobody said whether the series bleeds."""
    return SeriesScores(
        score_N=np.asarray(scores, dtype=np.float64),
        label_N=np.asarray(
            [-1 if label is None else int(label) for label in labels], dtype=np.int8
        ),
        days=days,
    )


def histogram(score_N: NDArray[np.float64]) -> list[float]:
    """The shares of the series in BINS from 0 to 1; zeros without any."""
    counted, _ = np.histogram(score_N, bins=BINS, range=(0, 1))
    return [float(each) / max(1, len(score_N)) for each in counted]
