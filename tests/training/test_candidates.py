"""A rule as a filter over cached candidates is exactly `find_peaks`."""

import numpy as np
import pytest

from ich_node.detection.peaks import PeakRule, find_peaks
from tests.support.random_maps import random_map, random_rule
from training.candidates import UNBOUNDED, find_candidates, keep


def kept(map_YX: np.ndarray, rule: PeakRule) -> list[tuple[int, int, float]]:
    candidates = find_candidates(map_YX)
    mask_N = keep(candidates, rule)
    columns = (candidates.row_N[mask_N], candidates.column_N[mask_N], candidates.value_N[mask_N])
    return [
        (int(row), int(column), float(value)) for row, column, value in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("seed", range(24))
def test_a_filter_is_find_peaks(seed):
    """Random maps with and without ties and plateaus, and 8 rules each: the same peaks in the same
    order.
    """
    rng = np.random.default_rng(seed)
    map_YX = random_map(rng)
    for _ in range(8):
        rule = random_rule(rng, map_YX)
        assert kept(map_YX, rule) == [
            (peak.row, peak.column, peak.likelihood) for peak in find_peaks(map_YX, rule)
        ]


def test_a_floor_leaves_out_what_no_rule_above_it_keeps():
    """Above the floor the candidates are those without a floor."""
    map_YX = np.random.default_rng(2).normal(size=(32, 24)).astype(np.float32)
    every, higher = find_candidates(map_YX), find_candidates(map_YX, floor=1.5)
    count = int((every.value_N > 1.5).sum())
    assert 0 < count < len(every)
    for name in ("row_N", "column_N", "value_N", "reach_N", "saddle_N", "edge_N"):
        assert np.array_equal(getattr(every, name)[:count], getattr(higher, name))


def test_a_constant_map_has_no_candidates():
    """Neither at T below its value nor above."""
    assert len(find_candidates(np.ones((32, 32), np.float32))) == 0


def test_the_numbers_of_a_ridge():
    """Summits 5 and 3 in one row, the pass between them 1: the lower one reaches 4 px and joins at
    1; the higher never.
    """
    ridge_YX = np.zeros((3, 9), np.float32)
    ridge_YX[1, 2:7] = [5, 2, 1, 2, 3]
    candidates = find_candidates(ridge_YX)
    summits = {float(value): index for index, value in enumerate(candidates.value_N)}
    lower, higher = summits[3.0], summits[5.0]
    assert (candidates.saddle_N[lower], candidates.saddle_N[higher]) == (1, -np.inf)
    assert (candidates.reach_N[lower], candidates.reach_N[higher]) == (4, UNBOUNDED)
    assert (candidates.row_N[lower], candidates.column_N[lower], candidates.edge_N[lower]) == (
        1,
        6,
        1,
    )
