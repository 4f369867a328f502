"""The threshold that a wanted specificity, sensitivity or number of alerts asks for."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ich_node.errors import ConfigError
from ich_node.scoring.operating_point import Share, histogram, scores_of

# 20 healthy series with 0.01 to 0.20, and 10 bleeding ones with 0.11 to 0.92
HEALTHY = [round(0.01 * number, 2) for number in range(1, 21)]
BLEEDING = [round(0.11 + 0.09 * number, 2) for number in range(10)]
LABELLED = scores_of(HEALTHY + BLEEDING, [False] * 20 + [True] * 10, days=10)


@pytest.mark.parametrize(("specificity", "most_positive"), [(0.95, 1), (0.9, 2), (1.0, 0), (0, 20)])
def test_the_specificity_is_reached_with_the_lowest_threshold(specificity, most_positive):
    """No more healthy series are positive than it allows; one more would be below the next."""
    threshold = LABELLED.for_specificity(specificity) if specificity else 0.005
    point = LABELLED.at(threshold)
    assert point.specificity.total - point.specificity.right == most_positive
    assert point.specificity.value >= specificity


@pytest.mark.parametrize(("sensitivity", "right"), [(0.9, 9), (1.0, 10), (0.85, 9), (0.05, 1)])
def test_the_sensitivity_is_reached_with_the_highest_threshold(sensitivity, right):
    """A threshold that is a score itself: a series that reaches it is positive."""
    point = LABELLED.at(LABELLED.for_sensitivity(sensitivity))
    assert (point.sensitivity.right, point.sensitivity.total) == (right, 10)


def test_alerts_a_day():
    """Of all series together; 30 in 10 days are 3 a day."""
    assert LABELLED.at(LABELLED.for_alerts(0.5)).alerts_per_day == 0.5
    assert LABELLED.at(LABELLED.for_alerts(0)).positive.right == 0
    assert LABELLED.at(LABELLED.for_alerts(3)).positive.right == 30
    with pytest.raises(ConfigError, match="more than all series: there were 3 a day"):
        LABELLED.for_alerts(100)
    with pytest.raises(ConfigError, match="need times"):
        scores_of([0.5], [None]).for_alerts(3)


def test_without_labels():
    """The specificity is that of all series; the sensitivity is unknown and cannot be asked for."""
    unlabelled = scores_of(HEALTHY, [None] * 20)
    point = unlabelled.at(unlabelled.for_specificity(0.9))
    assert (point.specificity.right, point.specificity.total) == (18, 20)
    assert math.isnan(point.sensitivity.value)
    with pytest.raises(ConfigError, match="verdicts import"):
        unlabelled.for_sensitivity(0.9)


def test_scores_near_one_keep_their_order():
    """A threshold is rounded only as far as no answer changes."""
    scores = [1 - 1e-7, 1 - 1e-6, 1 - 1e-5, 0.5]
    close = scores_of(scores, [None] * 4, days=1)
    assert [close.at(close.for_alerts(count)).positive.right for count in (1, 2, 3)] == [1, 2, 3]
    assert all(0 < close.for_alerts(count) < 1 for count in range(5))


def test_equal_scores():
    """Series with one score are all positive or all negative: never more than was allowed."""
    same = scores_of([0.7] * 10, [False] * 10)
    assert same.at(same.for_specificity(0.95)).specificity.right == 10


def test_the_interval_of_few_is_wide():
    """Wilson: 9 of 10 is not known to be 90 %."""
    low, high = LABELLED.at(LABELLED.for_sensitivity(0.9)).sensitivity.interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)


def test_the_curve_has_both_thresholds():
    """From many positives to few."""
    curve = LABELLED.curve(0.3, 0.9251)
    thresholds = [point.threshold for point in curve]
    assert {0.3, 0.9251} <= set(thresholds)
    assert thresholds == sorted(thresholds)
    assert np.all(np.diff([point.positive.right for point in curve]) <= 0)


@pytest.mark.parametrize(("right", "total"), [(0, 5), (5, 5), (3, 4), (36, 40), (901, 1000)])
def test_the_interval_is_that_of_scipy(right, total):
    """Wilson's; the site computes it without scipy, which takes 46 MB."""
    expected = binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert Share(right=right, total=total).interval == pytest.approx((expected.low, expected.high))


def test_a_histogram_has_shares():
    shares = histogram(np.array([0.0, 0.01, 0.5, 1.0]))
    assert (shares[0], shares[10], shares[19], sum(shares)) == (0.5, 0.25, 0.25, 1.0)
    assert sum(histogram(np.array([]))) == 0
