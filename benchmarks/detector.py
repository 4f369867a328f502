"""The detector with its upsampling, beside scikit-image's. `python -m benchmarks.detector`."""

import os
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.published_detector import published_detector, published_upsampling
from benchmarks.side_by_side import TIMING_COLUMNS, take_turns, timing_cells, write_table
from ich_node.detection.peaks import PeakRule, find_peaks, upsample
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.model.import_published import RULES
from ich_node.phantom import make_study
from ich_node.series.series import read_series

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))
SIZE_PX = 256
RANDOM_MAPS = 24
Maps = list[NDArray[np.float32]]
Points = list[tuple[int, int]]


def main() -> None:
    """Writes the table. An AssertionError where the points are not the same: then there is nothing
    to compare.
    """
    bundle = open_bundle(shipped_bundle())
    contests = {
        "random maps 32 x 32, published rule": (random_maps(), RULES["max"]),
        "a phantom's maps 64 x 64, the bundle's rule": (phantom_maps(bundle), bundle.peak_rule),
    }
    rows = []
    for name, (maps, rule) in contests.items():
        assert all_points(ours, maps, rule) == all_points(theirs, maps, rule)
        timings = take_turns(
            {
                "published": partial(all_points, theirs, maps, rule),
                "ours": partial(all_points, ours, maps, rule),
            },
            rounds=ROUNDS,
            repeats=len(maps),
        )
        for who, timing in timings.items():
            faster = timings["published"].wall_ms / timing.wall_ms
            cpu_faster = timings["published"].cpu_ms / timing.cpu_ms
            rows.append(
                [f"{name}: {who}", *timing_cells(timing), f"{faster:.1f}", f"{cpu_faster:.1f}"]
            )
    write_table(
        "detector",
        f"A likelihood map, made {SIZE_PX} x {SIZE_PX}, to peaks; {ROUNDS} rounds; all points are the same",
        ["detector", *TIMING_COLUMNS, "times faster", "by CPU"],
        rows,
        packages=["numpy", "scipy", "scikit-image"],
    )


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


def phantom_maps(bundle: Bundle) -> Maps:
    """A synthetic head with bleeds, read by the shipped bundle."""
    series = read_series(make_study(seed=7).datasets())
    return [found.likelihood_YX for found in Detector(bundle).read(series).maps]


if __name__ == "__main__":
    main()
