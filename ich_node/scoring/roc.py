"""Receiver operating characteristic of one score for each slice or series."""

from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from ich_node.scoring.counts import share


@dataclass(frozen=True, kw_only=True)
class RocPoint:
    """A threshold (a score of at least this is positive) and what it gives."""

    threshold: float
    sensitivity: float
    specificity: float


def area_under_curve(score_N: NDArray[np.floating], label_N: NDArray[np.bool_]) -> float:
    """The probability that a positive scores above a negative, ties half; nan where one of them is
    missing. The Mann-Whitney U statistic divided by the number of pairs.
    """
    positives, negatives = int(label_N.sum()), int((~label_N).sum())
    if not positives or not negatives:
        return nan
    from scipy.stats import mannwhitneyu  # takes 0.3 s to import

    above = mannwhitneyu(score_N[label_N], score_N[~label_N], method="asymptotic").statistic
    return float(above) / (positives * negatives)


def roc_point(
    score_N: NDArray[np.floating], label_N: NDArray[np.bool_], threshold: float
) -> RocPoint:
    """Sensitivity and specificity at one threshold; nan without positives, or without negatives."""
    positive_N = score_N >= threshold
    return RocPoint(
        threshold=threshold,
        sensitivity=share(int((positive_N & label_N).sum()), int(label_N.sum())),
        specificity=share(int((~positive_N & ~label_N).sum()), int((~label_N).sum())),
    )


def sensitivity_at_specificity(
    score_N: NDArray[np.floating], label_N: NDArray[np.bool_], specificity: float
) -> RocPoint:
    """The point of the empirical ROC with the highest sensitivity at this specificity or more."""
    negatives = np.sort(score_N[~label_N])
    if not len(negatives) or len(negatives) == len(label_N):
        return RocPoint(threshold=nan, sensitivity=nan, specificity=nan)
    thresholds = np.append(np.unique(score_N), inf)
    specificities = np.searchsorted(negatives, thresholds, side="left") / len(negatives)
    return roc_point(score_N, label_N, float(thresholds[np.argmax(specificities >= specificity)]))


def ppv_at_prevalence(*, sensitivity: float, specificity: float, prevalence: float) -> float:
    """Bayes: the share of positive calls that are right where this share of the studies has the
    disease.
    """
    right = sensitivity * prevalence
    wrong = (1 - specificity) * (1 - prevalence)
    return right / (right + wrong) if right + wrong else nan
