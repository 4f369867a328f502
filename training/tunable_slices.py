"""Predicted maps as candidates and boxes, so that a rule is counted without the map."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.peaks import PeakRule, upsample
from ich_node.model.bundle import Bundle
from ich_node.scoring.counts import Counts
from ich_node.scoring.points import Box, Point, holds
from training.candidates import MeasuredCandidates, find_candidates, keep
from training.errors import DataError
from training.predictions import PredictedSlice

FLOOR_SHARE = 0.02  # of the boxes may hold nothing as high as the lowest T that is searched


@dataclass(frozen=True, kw_only=True)
class TunableSlice:
    """The candidates of one map, and the boxes that hold them. inside_NB: candidate n lies in box b
    (ignored boxes left out). outside_N: candidate n lies in no box at all.
    """

    probability: float
    highest: float  # of the map before upsampling
    candidates: MeasuredCandidates
    inside_NB: NDArray[np.bool_]
    outside_N: NDArray[np.bool_]

    @property
    def boxes(self) -> int:
        return int(self.inside_NB.shape[1])

    def count(self, rule: PeakRule) -> Counts:
        """The counts of the served Detector with this rule on this slice."""
        if (
            self.probability < rule.slice_gate
            or self.highest <= rule.min_likelihood
            or not len(self.candidates)
        ):
            return Counts(fn=self.boxes)
        kept_N = keep(self.candidates, rule)
        hit = int(self.inside_NB[kept_N].any(axis=0).sum())
        return Counts(tp=hit, fp=int(self.outside_N[kept_N].sum()), fn=self.boxes - hit)


def count_slices(slices: Sequence[TunableSlice], rule: PeakRule) -> Counts:
    """Summed over all slices, as the paper counts."""
    return sum((slice_.count(rule) for slice_ in slices), start=Counts())


def prepare(
    predicted: Sequence[PredictedSlice],
    *,
    bundle: Bundle,
    ignored_kinds: frozenset[str] = frozenset(),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[list[TunableSlice], float]:
    """MeasuredCandidates of every map, and the floor: the lowest T for which they are complete.
    Slices that bleed, or may bleed, without a box are left out.
    """
    predicted = [slice_ for slice_ in predicted if slice_.is_located]
    size_px = bundle.input.size_px
    # the bundle's own rule is tried, too
    floor = min(_floor(predicted, size_px, ignored_kinds), bundle.peak_rule.min_likelihood)
    slices = []
    for done, slice_ in enumerate(predicted, start=1):
        highest = float(slice_.likelihood_YX.max())
        if highest > floor:
            candidates = find_candidates(upsample(slice_.likelihood_YX, size_px), floor)
        else:
            candidates = find_candidates(np.zeros((1, 1), np.float32))
        slices.append(
            _tunable(
                slice_,
                candidates=candidates,
                highest=highest,
                bundle=bundle,
                ignored_kinds=ignored_kinds,
            )
        )
        progress(done, len(predicted))
    return slices, floor


def _floor(
    predicted: Sequence[PredictedSlice], size_px: int, ignored_kinds: frozenset[str]
) -> float:
    """Nearly every box holds something higher. With a lower T every pixel of a flat, noisy map
    would be a candidate.
    """
    heights: list[float] = []
    for slice_ in predicted:
        boxes = [box for box in slice_.boxes if box.kind not in ignored_kinds]
        if boxes:
            heights += _heights_in(boxes, slice_, size_px)
    reachable = [height for height in heights if height > -np.inf]
    if not reachable:
        raise DataError(
            "no slice has a box, so there is nothing to tune on; give a data set with boxes "
            "(BHX, phantoms, or labels.csv with row0, column0, row1, column1). "
            "`ich-node evaluate` measures slices and studies without them"
        )
    lowest = float(np.quantile(reachable, FLOOR_SHARE))
    return lowest - 1e-3 * max(abs(lowest), 1e-6)


def _heights_in(boxes: Sequence[Box], slice_: PredictedSlice, size_px: int) -> list[float]:
    """The highest value of the upsampled map in each box; -inf for a box outside the map."""
    map_YX = upsample(slice_.likelihood_YX, size_px)
    row_Y, column_X = (
        np.array([slice_.grid.to_slice(index, index)[axis] for index in range(size_px)])
        for axis in (0, 1)
    )
    heights = []
    for box in boxes:
        within_YX = np.ix_(
            (row_Y >= box.row0) & (row_Y < box.row1),
            (column_X >= box.column0) & (column_X < box.column1),
        )
        heights.append(float(map_YX[within_YX].max(initial=-np.inf)))
    return heights


def _tunable(
    slice_: PredictedSlice,
    *,
    candidates: MeasuredCandidates,
    highest: float,
    bundle: Bundle,
    ignored_kinds: frozenset[str],
) -> TunableSlice:
    places = [
        slice_.grid.to_slice(int(row), int(column))
        for row, column in zip(candidates.row_N, candidates.column_N, strict=True)
    ]
    points = [Point(row=row, column=column, score=0.0) for row, column in places]
    inside_NA = np.zeros((len(points), len(slice_.boxes)), dtype=bool)
    for column, box in enumerate(slice_.boxes):
        inside_NA[:, column] = [holds(box, point) for point in points]
    counted_A = np.array([box.kind not in ignored_kinds for box in slice_.boxes], dtype=bool)
    return TunableSlice(
        probability=bundle.calibration.probability(slice_.logit),
        highest=highest,
        candidates=candidates,
        inside_NB=inside_NA[:, counted_A],
        outside_N=np.logical_not(np.any(inside_NA, axis=1)),
    )
