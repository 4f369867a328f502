"""The work for the results of a series, counted; benchmarks/report.py measures the time."""

import sys
from collections import Counter
from types import FrameType

import numpy as np

from ich_node.detection.reading import LikelihoodMap, Reading
from ich_node.report import ReportOptions, SourceSeries, write_report
from ich_node.series.series import Slice
from tests.support.report.report_examples import (
    ALGORITHM,
    AT,
    finding,
    make_source,
    read_by_hand,
)
from tests.support.report.sr_tree import walk

SLICES = 24


def source_of(positive: int, marks_per_slice: int) -> tuple[SourceSeries, Reading]:
    """A small series whose first slices are positive, with marks far from each other."""
    source = make_source(SLICES, rows=128, columns=128)
    marks = tuple(finding(20 + 45 * rank, 60, 0.9 - 0.1 * rank) for rank in range(marks_per_slice))
    probabilities = [0.9 if index < positive else 0.05 for index in range(SLICES)]
    return source, read_by_hand(source, probabilities, dict.fromkeys(range(positive), marks))


def likelihood_counted(counted: Counter[str]):
    def on_slice(likelihood_map: LikelihoodMap, slice_: Slice) -> np.ndarray:
        counted[likelihood_map.sop_instance_uid] += 1
        return np.full(slice_.hu_YX.shape, 0.5, np.float32)

    return on_slice


def test_a_map_is_resampled_once_for_all_objects_and_only_if_it_is_shown():
    """Summary and overlays share the maps of positive slices; the parametric map needs all."""
    source, reading = source_of(positive=6, marks_per_slice=1)
    for options, slices in (
        (ReportOptions(), 6),
        (ReportOptions(max_overlays=2, summary=()), 2),
        (ReportOptions(max_overlays=0, summary=()), 0),
        (ReportOptions(parametric_map=True), SLICES),
    ):
        resampled: Counter[str] = Counter()
        results = write_report(
            source,
            reading=reading,
            likelihood_on_slice=likelihood_counted(resampled),
            algorithm=ALGORITHM,
            options=options,
            at=AT,
        )
        assert len(list(results)) > 1
        assert resampled.total() == len(resampled) == slices


def calls_for_the_sr(positive: int, marks_per_slice: int) -> tuple[int, int]:
    """Calls of Python functions while the SR is built and encoded, and its content items."""
    source, reading = source_of(positive, marks_per_slice)
    results = write_report(
        source,
        reading=reading,
        likelihood_on_slice=likelihood_counted(Counter()),
        algorithm=ALGORITHM,
        options=ReportOptions(),
        at=AT,
    )
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        sr = next(results)
        sr.encode()
    finally:
        sys.setprofile(None)
    return calls, len(list(walk(sr.dataset)))


def test_the_sr_grows_by_the_same_work_for_each_finding():
    """From n to 2n findings the work at most doubles, on as many slices and on twice as many."""
    calls_for_the_sr(1, 1)  # codes are encoded once in a process
    for fewer, more in (((8, 1), (8, 2)), ((8, 1), (16, 1))):
        (calls, items), (more_calls, more_items) = (
            calls_for_the_sr(*fewer),
            calls_for_the_sr(*more),
        )
        assert items < more_items <= 2 * items
        assert calls < more_calls <= 2 * calls
