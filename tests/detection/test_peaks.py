"""The detector of the paper, §II-D."""

import os

import numpy as np
import pytest

from benchmarks.published_detector import published_detector
from ich_node.detection import prominence
from ich_node.detection.peaks import PeakRule, find_peaks
from tests.support.random_maps import random_map, random_rule

CASES = int(os.environ.get("ICH_NODE_PEAK_CASES", "300"))  # 10,000 by `make peaks`


def test_same_peaks_as_dilation_and_h_maxima():
    """Random maps, sizes and rules: the same points in the same order as the full dilation and the
    full h-maxima transform.
    """
    found = 0
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        map_YX = random_map(rng)
        rule = random_rule(rng, map_YX)
        peaks = [(peak.row, peak.column) for peak in find_peaks(map_YX, rule)]
        assert peaks == published_detector(map_YX, rule), f"seed {seed}: {rule}"
        found += len(peaks)
    assert found > CASES


def blob(row: int, column: int, height: float, size: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18.0)


def test_a_peak_must_be_higher_than_t():
    """T is exclusive: a maximum of exactly T is none."""
    map_YX = blob(30, 30, 2.0)
    assert (
        find_peaks(map_YX, PeakRule(min_distance_px=5, min_likelihood=2.0, min_prominence=0)) == []
    )
    assert (
        len(find_peaks(map_YX, PeakRule(min_distance_px=5, min_likelihood=1.99, min_prominence=0)))
        == 1
    )


def test_a_shoulder_that_is_not_prominent_is_dropped():
    """Two maxima joined by a saddle: the lower one goes when h exceeds its prominence, and stays
    when it does not.
    """
    map_YX = blob(30, 24, 2.0) + blob(30, 34, 1.5)
    saddle = map_YX[30, 24:35].min()
    prominence = map_YX[30, 30:36].max() - saddle
    rule = PeakRule(min_distance_px=2, min_likelihood=0.5, min_prominence=float(prominence * 0.9))
    assert len(find_peaks(map_YX, rule)) == 2
    rule = PeakRule(min_distance_px=2, min_likelihood=0.5, min_prominence=float(prominence * 1.1))
    assert [(peak.row, peak.column) for peak in find_peaks(map_YX, rule)] == [(30, 24)]


def test_the_border_is_excluded_only_when_the_rule_says_so():
    """With the published rule a peak nearer than d to the edge is dropped."""
    map_YX = blob(4, 30, 2.0)
    rule = PeakRule(min_distance_px=10, min_likelihood=0.5, min_prominence=0.1, exclude_border=True)
    assert find_peaks(map_YX, rule) == []
    rule = PeakRule(min_distance_px=10, min_likelihood=0.5, min_prominence=0.1)
    assert [(peak.row, peak.column) for peak in find_peaks(map_YX, rule)] == [(4, 30)]


def test_a_flat_map_has_no_peak():
    """Nothing stands out of a constant."""
    assert (
        find_peaks(
            np.ones((32, 32), np.float32),
            PeakRule(min_distance_px=3, min_likelihood=0, min_prominence=0.1),
        )
        == []
    )


@pytest.mark.parametrize("side", [64, 128])
def test_a_plateau_is_flooded_a_few_times_for_all_its_peaks(
    side: int, monkeypatch: pytest.MonkeyPatch
):
    """A quarter of the pixels are peaks at d 2. A flood decides for all that it reaches, and the
    next one reaches twice as far; none is needed where nothing is higher.
    """
    floods = []
    flooded = prominence._flooded
    monkeypatch.setattr(
        prominence, "_flooded", lambda *at, **more: floods.append(at) or flooded(*at, **more)
    )
    rule = PeakRule(min_distance_px=2, min_likelihood=0, min_prominence=0.05)
    map_YX = np.ones((side, side), np.float32)
    map_YX[0, 0] = 1.1
    assert [(peak.row, peak.column) for peak in find_peaks(map_YX, rule)] == [(0, 0)]
    assert 0 < len(floods) < np.log2(side)
    floods.clear()
    map_YX[0, 0] = 0.9
    assert len(find_peaks(map_YX, rule)) == side * side // 4
    assert floods == []
