"""The detector of the paper, §II-D."""

import os
import time

import numpy as np

from benchmarks.published_detector import published_detector
from ich_node.detection.peaks import PeakRule, find_peaks, upsample

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


def random_map(rng: np.random.Generator) -> np.ndarray:
    """Logits, softmax weights, raw noise; rounded to few levels, so that many pixels tie; plateaus
    and terraces.
    """
    low_YX = rng.normal(size=rng.integers(6, 33, 2)).astype(np.float32)
    size_px = int(rng.integers(24, 120))
    match rng.choice(["logits", "weights", "noise", "levels", "terraces"]):
        case "weights":
            weights_YX = np.exp(4 * low_YX)
            return upsample(weights_YX / weights_YX.sum(), size_px)
        case "noise":
            return low_YX
        case "levels":
            steps = np.float32(rng.choice([2, 8]))
            return np.rint(steps * upsample(low_YX, size_px)) / steps
        case "terraces":
            map_YX = np.full(rng.integers(10, 60, 2), rng.normal(), dtype=np.float32)
            for _ in range(rng.integers(12)):
                row, column = rng.integers(map_YX.shape)
                map_YX[row : row + rng.integers(1, 20), column : column + rng.integers(1, 20)] = (
                    rng.integers(-4, 5) / 2
                )
            return map_YX
    return upsample(low_YX, size_px)


def random_rule(rng: np.random.Generator, map_YX: np.ndarray) -> PeakRule:
    """With the values at which something begins to count or stops: T on a pixel's value, h on the
    map's range.
    """
    lowest, range_ = float(map_YX.min()), float(np.ptp(map_YX))
    return PeakRule(
        min_distance_px=int(rng.choice([1, 2, rng.integers(1, 12), rng.integers(1, 120)])),
        min_likelihood=float(
            rng.choice(
                [rng.choice(map_YX.ravel()), lowest + rng.uniform(-0.1, 1) * range_, lowest - 1]
            )
        ),
        min_prominence=float(
            rng.choice([0.0, 1e-9, 0.5, 1.0, rng.uniform(0, 1.1) * range_, range_])
        ),
        exclude_border=bool(rng.integers(2)),
    )


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


def test_a_shoulder_that_does_not_stand_out_is_dropped():
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


def test_a_plateau_over_the_whole_map_is_found_in_no_time():
    """Every pixel but one is as high as can be: 16,384 peaks at d 2, each from the pixels that the
    last one left.
    """
    map_YX = np.ones((256, 256), np.float32)
    map_YX[0, 0] = 0.9
    rule = PeakRule(min_distance_px=2, min_likelihood=0, min_prominence=0.05)
    began = time.process_time()
    assert len(find_peaks(map_YX, rule)) == 128 * 128
    assert time.process_time() - began < 1
