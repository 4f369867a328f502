"""The detector with its upsampling, beside scikit-image's; and a rule applied to candidates that
were measured once, as tuning does, beside the detector. `python -m benchmarks.detector`.
"""

import os
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.published_detector import published_detector, published_upsampling
from benchmarks.side_by_side import TIMING_COLUMNS, Timing, take_turns, timing_cells, write_table
from ich_node.detection.peaks import PeakRule, find_peaks, upsample
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.model.import_published import RULES
from ich_node.phantom import make_study
from ich_node.series.read import read_series
from training.candidates import find_candidates, keep

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))
SIZE_PX = 256
RANDOM_MAPS = 24
PLATEAU_RULE = PeakRule(min_distance_px=2, min_likelihood=0, min_prominence=0.05)
PLATEAU_ROUNDS = min(3, ROUNDS)  # the published detector takes 5 s for it
TUNED_RULES = 20  # rules tried on each map
Maps = list[NDArray[np.float32]]
Points = list[tuple[int, int]]


def main() -> None:
    """Writes the table. An AssertionError where the points are not the same: then there is nothing
    to compare.
    """
    bundle = open_bundle(shipped_bundle())
    contests: dict[str, tuple[Maps, PeakRule, int]] = {
        "random maps 32 x 32, published rule": (random_maps(), RULES["max"], ROUNDS),
        "a phantom's maps 64 x 64, the bundle's rule": (
            phantom_maps(bundle),
            bundle.peak_rule,
            ROUNDS,
        ),
        "a plateau over the whole map": ([plateau()], PLATEAU_RULE, PLATEAU_ROUNDS),
    }
    rows = []
    for name, (maps, rule, rounds) in contests.items():
        assert all_points(ours, maps, rule) == all_points(theirs, maps, rule)
        timings = take_turns(
            {
                "published": partial(all_points, theirs, maps, rule),
                "ours": partial(all_points, ours, maps, rule),
            },
            rounds=rounds,
            repeats=len(maps),
        )
        rows += beside(name, timings)
    rows += tuning(random_maps(), RULES["max"])
    write_table(
        "detector",
        f"A likelihood map, made {SIZE_PX} x {SIZE_PX}, to peaks; {ROUNDS} rounds; all points "
        "are the same",
        ["detector", *TIMING_COLUMNS, "times faster", "by CPU"],
        rows,
        packages=["numpy", "scipy", "scikit-image"],
    )


def tuning(maps: Maps, rule: PeakRule) -> list[list[str]]:
    """Rows for one rule on one map: the detector, and the filter over measured candidates."""
    large = [upsample(map_YX, SIZE_PX) for map_YX in maps]
    measured = [find_candidates(map_YX, rule.min_likelihood) for map_YX in large]
    for map_YX, candidates in zip(large, measured, strict=True):
        assert int(keep(candidates, rule).sum()) == len(find_peaks(map_YX, rule))
    timings = take_turns(
        {
            "detector": lambda: [
                find_peaks(map_YX, rule) for map_YX in large for _ in range(TUNED_RULES)
            ],
            "filter": lambda: [
                keep(candidates, rule) for candidates in measured for _ in range(TUNED_RULES)
            ],
        },
        rounds=ROUNDS,
        repeats=len(maps) * TUNED_RULES,
    )
    return beside("a rule on a random map 256 x 256, for tuning", timings)


def beside(name: str, timings: dict[str, Timing]) -> list[list[str]]:
    """A row for each contestant, with how much faster it is than the first."""
    first = next(iter(timings.values()))
    return [
        [
            f"{name}: {who}",
            *timing_cells(timing),
            f"{first.wall_ms / timing.wall_ms:.1f}",
            f"{first.cpu_ms / timing.cpu_ms:.1f}",
        ]
        for who, timing in timings.items()
    ]


def all_points(
    detect: Callable[[NDArray[np.float32], PeakRule], Points], maps: Maps, rule: PeakRule
) -> list[Points]:
    return [detect(map_YX, rule) for map_YX in maps]


def theirs(map_YX: NDArray[np.float32], rule: PeakRule) -> Points:
    return published_detector(published_upsampling(map_YX, SIZE_PX), rule)


def ours(map_YX: NDArray[np.float32], rule: PeakRule) -> Points:
    if map_YX.max() <= rule.min_likelihood:  # as Detector has it
        return []
    return [(peak.row, peak.column) for peak in find_peaks(upsample(map_YX, SIZE_PX), rule)]


def random_maps() -> Maps:
    """Nearly all of them exceed T, in a hundred places: hard work."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=(32, 32)).astype(np.float32) for _ in range(RANDOM_MAPS)]


def plateau() -> NDArray[np.float32]:
    """Nearly every pixel is a maximum, and one in four a peak: the hardest map for the spacing."""
    map_YX = np.ones((SIZE_PX, SIZE_PX), np.float32)
    map_YX[0, 0] = 0.9
    return map_YX


def phantom_maps(bundle: Bundle) -> Maps:
    """A synthetic head with bleeds, read by the shipped bundle."""
    series = read_series(make_study(seed=7).datasets())
    return [found.likelihood_YX for found in Detector(bundle).read(series).maps]


if __name__ == "__main__":
    main()
