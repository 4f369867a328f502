"""The detector of the paper, §II-D."""

import numpy as np
import pytest
from skimage.feature import peak_local_max
from skimage.morphology import h_maxima

from ich_node.detection.peaks import PeakRule, find_peaks, upsample


def published_detector(likelihood_YX: np.ndarray, rule: PeakRule) -> list[tuple[int, int]]:
    """§II-D in the library's words: local maxima by dilation above T and d apart, then those that the h-maxima keep."""
    candidates = peak_local_max(
        likelihood_YX, min_distance=rule.min_distance_px, threshold_abs=rule.min_likelihood, exclude_border=rule.exclude_border
    )
    if rule.min_prominence <= 0 or not len(candidates):
        return [tuple(peak) for peak in candidates]
    kept_YX = h_maxima(likelihood_YX, rule.min_prominence)
    return [tuple(peak) for peak in candidates if kept_YX[tuple(peak)]]


@pytest.mark.parametrize("seed", range(40))
def test_same_peaks_as_dilation_and_h_maxima(seed):
    """Random maps, sizes and rules: the flood from the candidates keeps exactly what the full h-maxima transform keeps."""
    rng = np.random.default_rng(seed)
    low_YX = rng.normal(size=(rng.integers(8, 33), rng.integers(8, 33))).astype(np.float32)
    map_YX = upsample(low_YX, int(rng.integers(64, 200)))
    rule = PeakRule(
        min_distance_px=int(rng.integers(1, 30)),
        min_likelihood=float(rng.uniform(-0.5, 1.5)),
        min_prominence=float(rng.choice([0.0, rng.uniform(0.001, 3.0)])),
        exclude_border=bool(rng.integers(2)),
    )
    assert [(peak.row, peak.column) for peak in find_peaks(map_YX, rule)] == published_detector(map_YX, rule)


def blob(row: int, column: int, height: float, size: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18.0)


def test_a_peak_must_be_higher_than_t():
    """T is exclusive: a maximum of exactly T is none."""
    map_YX = blob(30, 30, 2.0)
    assert find_peaks(map_YX, PeakRule(min_distance_px=5, min_likelihood=2.0, min_prominence=0)) == []
    assert len(find_peaks(map_YX, PeakRule(min_distance_px=5, min_likelihood=1.99, min_prominence=0))) == 1


def test_a_shoulder_that_does_not_stand_out_is_dropped():
    """Two maxima joined by a saddle: the lower one goes when h exceeds its prominence, and stays when it does not."""
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
    assert find_peaks(np.ones((32, 32), np.float32), PeakRule(min_distance_px=3, min_likelihood=0, min_prominence=0.1)) == []
