"""Two models on the same series: agreement, Cohen's kappa, McNemar's exact test."""

from math import isnan

import pytest
from scipy.stats import binomtest

from ich_node.scoring.paired import PairedTable, paired_table


def test_the_table_counts_each_kind_of_series():
    pairs = [(True, True), (True, False), (True, False), (False, True), (False, False)]
    assert paired_table(pairs) == PairedTable(both=1, only_a=2, only_b=1, neither=1)


def test_a_table_from_a_textbook():
    """Kappa: 45 + 25 of 100 agree, 0.52 is expected by chance. McNemar: 15 of 30 against half."""
    table = PairedTable(both=45, only_a=15, only_b=15, neither=25)
    assert table.agreement.value == pytest.approx(0.7)
    assert table.kappa == pytest.approx((0.70 - 0.52) / 0.48)
    assert table.mcnemar_p == pytest.approx(1.0)


def test_a_one_sided_difference_is_shown():
    """Eight of eight series that differ: 2 * 0.5 ** 8."""
    table = PairedTable(both=3, only_a=8, only_b=0, neither=40)
    assert table.mcnemar_p == pytest.approx(2 * 0.5**8)


def test_without_a_difference_or_a_series_nothing_is_claimed():
    """Both models always say the same one thing, or there is no series at all."""
    same = PairedTable(both=0, only_a=0, only_b=0, neither=9)
    assert (same.mcnemar_p, isnan(same.kappa)) == (1.0, True)
    none = paired_table([])
    assert isnan(none.agreement.value)
    assert isnan(none.kappa)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (2, 7), (7, 2), (15, 15), (300, 360)])
def test_mcnemar_is_that_of_scipy(only_a, only_b):
    table = PairedTable(both=4, only_a=only_a, only_b=only_b, neither=9)
    expected = binomtest(only_a, only_a + only_b).pvalue
    assert table.mcnemar_p == pytest.approx(expected)
