"""Reductions of a matrix to the network's size."""

import pytest

from ich_node.detection.area_means import area_weights


def test_weights_sum_to_one_inside_and_to_less_across_the_border():
    """What lies outside the matrix counts as nothing above air."""
    sums = area_weights(512, 2.5, -64.0, 256).sum(axis=1)
    assert sums[100:200] == pytest.approx(1)
    assert sums[0] == 0
