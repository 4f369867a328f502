"""Tuning: maps predicted once, rules tried on them as the served Detector would be counted, the
best found and written down.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ich_node.detection.network_input import PixelGrid
from ich_node.detection.peaks import PeakRule, find_peaks, upsample
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.detector import Detector
from ich_node.scoring.counts import count_all
from ich_node.scoring.points import Point, ScoredSlice
from tests.support.training.labelled_heads import SIZE_PX, bundle_of, write_series
from training.datasets import Box, LabelledSeries
from training.errors import DataError
from training.predictions import PredictedSlice, predict
from training.rule_ranges import RuleRanges
from training.tunable_slices import count_slices, prepare
from training.tune import search

GRID = PixelGrid(row_scale=2.0, row_offset=0.5, column_scale=2.0, column_offset=0.5)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return bundle_of(PeakRule(min_distance_px=3, min_likelihood=3.0, min_prominence=0.1))


def bleeding_maps(count: int, seed: int) -> list[PredictedSlice]:
    """Noise of about 1; in two of three slices one bleed 3 to 6 high in a box; one spur outside; a
    logit that follows.
    """
    rng = np.random.default_rng(seed)
    slices = []
    for index in range(count):
        low_YX = rng.normal(size=(16, 16)).astype(np.float32)
        boxes: tuple[Box, ...] = ()
        if index % 3:
            row, column = (int(place) for place in rng.integers(2, 14, 2))
            low_YX[row, column] = rng.uniform(3, 6)
            centre_row, centre_column = 8 * row + 4, 8 * column + 4  # 16 cells of 8 slice pixels
            boxes = (
                Box(
                    kind="SDH",
                    row0=centre_row - 8,
                    column0=centre_column - 8,
                    row1=centre_row + 8,
                    column1=centre_column + 8,
                ),
            )
        slices.append(
            PredictedSlice(
                sop_instance_uid=str(index),
                patient_id=str(index // 10),
                logit=float(rng.normal(3.0 if boxes else -1.0)),
                likelihood_YX=low_YX,
                grid=GRID,
                pixel_spacing_mm=(0.5, 0.5),
                label=bool(boxes),
                boxes=boxes,
            )
        )
    return slices


def served(
    slices: list[PredictedSlice],
    bundle: Bundle,
    rule: PeakRule,
    ignored: frozenset[str] = frozenset(),
) -> object:
    """Counted the long way: the gate, upsampling, find_peaks, the grid, the scoring."""
    scored = []
    for slice_ in slices:
        peaks = []
        if bundle.calibration.probability(slice_.logit) >= rule.slice_gate:
            peaks = find_peaks(upsample(slice_.likelihood_YX, bundle.input.size_px), rule)
        places = [slice_.grid.to_slice(peak.row, peak.column) for peak in peaks]
        scored.append(
            ScoredSlice(
                patient_id=slice_.patient_id,
                points=tuple(Point(row=row, column=column, score=0) for row, column in places),
                boxes=tuple(box for box in slice_.boxes if box.kind not in ignored),
                ignored=tuple(box for box in slice_.boxes if box.kind in ignored),
            )
        )
    return count_all(scored)


def test_every_tried_rule_is_counted_as_if_served(bundle):
    """30 rules anywhere in the ranges, with and without gate and border: the counts of the long
    way.
    """
    slices = bleeding_maps(40, seed=1)
    tunable, floor = prepare(slices, bundle=bundle)
    rng = np.random.default_rng(3)
    for trial in range(30):
        ranges = RuleRanges(
            tunable,
            floor=floor,
            size_px=SIZE_PX,
            gate=bool(trial % 2),
            exclude_border=bool(trial % 3),
        )
        rule = ranges.rule({name: float(rng.random() ** 2) for name in ranges.names})
        assert count_slices(tunable, rule) == served(slices, bundle, rule)


def test_ignored_boxes_count_neither_way(bundle):
    """A kind that is ignored: its boxes are no misses and points in them no false ones."""
    slices = [
        replace(slice_, boxes=tuple(replace(box, kind="chronic") for box in slice_.boxes))
        if index % 2
        else slice_
        for index, slice_ in enumerate(bleeding_maps(40, seed=2))
    ]
    ignored = frozenset({"chronic"})
    tunable, _ = prepare(slices, bundle=bundle, ignored_kinds=ignored)
    assert count_slices(tunable, bundle.peak_rule) == served(
        slices, bundle, bundle.peak_rule, ignored
    )


def test_the_search_beats_its_start_and_repeats(bundle):
    """The planted bleeds are found; a wasteful start is improved; the same seed gives the same
    trials.
    """
    tunable, floor = prepare(bleeding_maps(60, seed=4), bundle=bundle)
    ranges = RuleRanges(tunable, floor=floor, size_px=SIZE_PX, gate=True, exclude_border=False)
    start = PeakRule(min_distance_px=1, min_likelihood=floor, min_prominence=0.0)
    found = search(tunable, ranges=ranges, start=start, evaluations=16, seed=7)
    assert len(found.trials) == 16
    assert found.before.rule == start
    assert found.best.dice > 0.8 > found.before.dice
    assert found.best.counts == count_slices(tunable, found.best.rule)
    assert search(tunable, ranges=ranges, start=start, evaluations=16, seed=7) == found


def test_the_ranges_do_not_cut(bundle):
    """At share 0 every number lets all in-box peaks through; at share 1 each alone leaves nothing
    in a box, or next to it.
    """
    tunable, floor = prepare(bleeding_maps(40, seed=5), bundle=bundle)
    ranges = RuleRanges(tunable, floor=floor, size_px=SIZE_PX, gate=True, exclude_border=False)
    none = dict.fromkeys(ranges.names, 0.0)
    everything = count_slices(tunable, ranges.rule(none))
    assert everything.tp == sum(bool(slice_.inside_NB.any()) for slice_ in tunable)
    for name in ("h", "T", "gate"):
        assert count_slices(tunable, ranges.rule(none | {name: 1.0})).tp <= 1


def test_a_result_on_a_bound_is_said(bundle):
    """Perfect maps need no gate: its value lies at the end of its range, and the search says so."""
    slices = [replace(slice_, logit=2.0) for slice_ in bleeding_maps(30, seed=6)]
    tunable, floor = prepare(slices, bundle=bundle)
    ranges = RuleRanges(tunable, floor=floor, size_px=SIZE_PX, gate=True, exclude_border=False)
    best = PeakRule(min_distance_px=4, min_likelihood=3.0, min_prominence=1.0, slice_gate=0.0)
    assert (
        search(tunable, ranges=ranges, start=best, evaluations=1)
        .on_bounds[0]
        .startswith("gate = 0 sits at its lower end 0")
    )


def test_nothing_to_tune_on(bundle):
    """Maps without boxes: an error that says what is missing."""
    with pytest.raises(DataError, match="no slice has a box"):
        prepare(bleeding_maps(1, seed=0), bundle=bundle)


@pytest.fixture
def labelled(tmp_path) -> list[LabelledSeries]:
    """Two series on disk: a head, and the same with a bone kernel, which is refused."""
    box = Box(kind="SDH", row0=10, column0=10, row1=40, column1=40)
    return [
        write_series(tmp_path / "data", "a", boxes={3: (box,)}),
        write_series(tmp_path / "data", "b", boxes={3: (box,)}, ConvolutionKernel="BONEPLUS"),
    ]


def test_maps_are_predicted_once(bundle, labelled, tmp_path):
    """The cache holds what the Detector gives; a second run opens it without the images; a refused
    series is named.
    """
    cache = tmp_path / "cache"
    detector = Detector(bundle)
    first = predict(detector, labelled, cache=cache)
    assert [skip.what for skip in first.skipped] == [labelled[1].series_instance_uid]
    assert first.skipped[0].reason == "bone_kernel"
    assert len(first.slices) == 12
    assert sum(len(slice_.boxes) for slice_ in first.slices) == 1
    for slice_ in labelled[0].slices:
        slice_.path.unlink()
    second = predict(detector, labelled[:1], cache=cache)
    assert second.skipped == ()
    for one, other in zip(first.slices, second.slices, strict=True):
        assert isinstance(other.likelihood_YX, np.memmap)
        assert np.array_equal(one.likelihood_YX, other.likelihood_YX)
        assert (one.logit, one.grid, one.boxes, one.sop_instance_uid) == (
            other.logit,
            other.grid,
            other.boxes,
            other.sop_instance_uid,
        )


def test_the_cache_names_nobody(bundle, labelled, tmp_path):
    """File names are hashes: neither UID nor patient."""
    predict(Detector(bundle), labelled[:1], cache=tmp_path / "cache")
    names = [
        path.relative_to(tmp_path / "cache")
        for path in (tmp_path / "cache").rglob("*")
        if path.is_file()
    ]
    assert {name.parts[0] for name in names} == {bundle.sha256}
    assert all(len(Path(name).stem) == 32 and "1.2." not in str(name) for name in names)


def test_an_interrupted_run_goes_on(bundle, labelled, tmp_path):
    """Maps without their .json were cut off while writing: they are made again."""
    cache = tmp_path / "cache"
    predict(Detector(bundle), labelled[:1], cache=cache)
    (entry,) = cache.rglob("*.json")
    entry.unlink()
    entry.with_suffix(".npy").write_bytes(b"half")
    assert len(predict(Detector(bundle), labelled[:1], cache=cache).slices) == 12


def test_a_damaged_cache_is_said(bundle, labelled, tmp_path):
    cache = tmp_path / "cache"
    predict(Detector(bundle), labelled[:1], cache=cache)
    (entry,) = cache.rglob("*.npy")
    entry.write_bytes(b"half")
    with pytest.raises(DataError, match="delete both to predict them again"):
        predict(Detector(bundle), labelled[:1], cache=cache)


def test_boxes_on_slices_that_were_averaged_away_are_counted(labelled, tmp_path):
    """Slabs of two 10 mm slices: a map stands for its middle slice; the boxed one here is the
    other.
    """
    rule = PeakRule(min_distance_px=3, min_likelihood=3.0, min_prominence=0.1)
    thick = bundle_of(rule)
    card = replace(thick.card, input=replace(thick.card.input, slab_mm=20.0))
    slabs = load_bundle(pack_bundle(card, thick.weights), origin="slabs")
    predictions = predict(Detector(slabs), labelled[:1], cache=tmp_path / "cache")
    assert len(predictions.slices) == 6
    assert predictions.unread_boxes + sum(len(slice_.boxes) for slice_ in predictions.slices) == 1
