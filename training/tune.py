"""Bayesian optimisation of h, T, d and the slice gate, maximising the paper's Dice over maps that
were predicted once.

Each number is searched as the share of the in-box peaks that it gives up, from 0 (the rule lets all
of them through) to 1 (none). So the bounds come from the data and fit any head's unit: beyond them
a number could only add false points, or find nothing. (The paper's boxes cut its optimum: d = 58 of
at most 60 for the attention map.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from bayes_opt import BayesianOptimization
from bayes_opt.acquisition import ExpectedImprovement
from numpy.typing import NDArray

from ich_node.detection.peaks import PeakRule, upsample
from ich_node.model.bundle import Bundle
from ich_node.scoring.counts import Counts
from ich_node.scoring.points import Point, holds
from training.candidates import UNBOUNDED, MeasuredCandidates, find_candidates, keep
from training.errors import DataError
from training.predictions import PredictedSlice

NAMES = ("h", "T", "d", "gate")
FLOOR_SHARE = 0.02  # of the boxes may hold nothing as high as the lowest T that is searched
ON_BOUND = 0.01  # as near to the end of its range as this
EXPLORATION = 0.002  # of Dice: the improvement that is worth a trial


@dataclass(frozen=True, kw_only=True)
class TunableSlice:
    """The candidates of one map, and which box each lies in. outside_N: in no box, ignored ones
    included.
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
        """What the served Detector with this rule would be counted for on this slice."""
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
    """The paper's rule pooled over all slices."""
    return sum((slice_.count(rule) for slice_ in slices), start=Counts())


def prepare(
    predicted: Sequence[PredictedSlice],
    bundle: Bundle,
    *,
    ignored_kinds: frozenset[str] = frozenset(),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[list[TunableSlice], float]:
    """Candidates of every map, and the floor: the lowest T for which they hold."""
    size_px = bundle.input.size_px
    # its own rule is tried too
    floor = min(_floor(predicted, size_px, ignored_kinds), bundle.peak_rule.min_likelihood)
    slices = []
    for done, slice_ in enumerate(predicted, start=1):
        highest = float(slice_.likelihood_YX.max())
        if highest > floor:
            candidates = find_candidates(upsample(slice_.likelihood_YX, size_px), floor)
        else:
            candidates = find_candidates(np.zeros((1, 1), np.float32))
        slices.append(_tunable(slice_, candidates, highest, bundle, ignored_kinds))
        progress(done, len(predicted))
    return slices, floor


def _floor(
    predicted: Sequence[PredictedSlice], size_px: int, ignored_kinds: frozenset[str]
) -> float:
    """Nearly every box holds something higher. A lower T would drown in the noise of flat maps,
    where every pixel is a peak.
    """
    heights = []
    for slice_ in predicted:
        boxes = [box for box in slice_.boxes if box.kind not in ignored_kinds]
        if boxes:
            map_YX = upsample(slice_.likelihood_YX, size_px)
            row_Y, column_X = (
                np.array([slice_.grid.to_slice(index, index)[axis] for index in range(size_px)])
                for axis in (0, 1)
            )
            for box in boxes:
                within_YX = np.ix_(
                    (row_Y >= box.row0) & (row_Y < box.row1),
                    (column_X >= box.column0) & (column_X < box.column1),
                )
                heights.append(float(map_YX[within_YX].max(initial=-np.inf)))
    reachable = [height for height in heights if height > -np.inf]
    if not reachable:
        raise DataError(
            "no slice has a box, so there is nothing to tune on; give a data set with boxes (BHX, or phantoms)"
        )
    lowest = float(np.quantile(reachable, FLOOR_SHARE))
    return lowest - 1e-3 * max(abs(lowest), 1e-6)


def _tunable(
    slice_: PredictedSlice,
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


class Ranges:
    """From shares of in-box peaks given up to a rule."""

    def __init__(
        self,
        slices: Sequence[TunableSlice],
        floor: float,
        size_px: int,
        *,
        gate: bool,
        exclude_border: bool,
    ) -> None:
        inside = [(slice_, slice_.inside_NB.any(axis=1)) for slice_ in slices]
        if not any(hit_N.any() for _, hit_N in inside):
            raise DataError(
                "no map has a peak inside a box, so no rule can find one; the model does not see these bleeds"
            )
        values = np.concatenate(
            [slice_.candidates.value_N[hit_N] for slice_, hit_N in inside]
        ).astype(float)
        reaches = np.concatenate([slice_.candidates.reach_N[hit_N] for slice_, hit_N in inside])
        heights = np.concatenate(
            [prominence(slice_.candidates)[hit_N] for slice_, hit_N in inside]
        ).astype(float)
        probabilities = np.array([slice_.probability for slice_, hit_N in inside if hit_N.any()])
        self._given_up = {
            "h": np.sort(np.append(heights, 0.0)),
            "T": np.sort(np.append(values, floor)),
            "d": np.sort(np.append(np.where(reaches == UNBOUNDED, size_px, reaches), 1)).astype(
                float
            ),
            "gate": np.sort(np.append(probabilities, 0.0)),
        }
        self._exclude_border = exclude_border
        self.names = NAMES if gate else NAMES[:3]

    def rule(self, shares: dict[str, float]) -> PeakRule:
        """Six digits are kept, so that the rule that is written is the rule that was tried."""
        at = {
            name: float(f"{np.quantile(self._given_up[name], share):.6g}")
            for name, share in shares.items()
        }
        return PeakRule(
            min_distance_px=max(1, int(at["d"])),
            min_likelihood=at["T"],
            min_prominence=at["h"],
            slice_gate=at.get("gate", 0.0),
            exclude_border=self._exclude_border,
        )

    def shares(self, rule: PeakRule) -> dict[str, float]:
        """Where a rule lies, or the nearest place to it."""
        wanted = {
            "h": rule.min_prominence,
            "T": rule.min_likelihood,
            "d": float(rule.min_distance_px),
            "gate": rule.slice_gate,
        }
        return {
            name: float(
                np.searchsorted(self._given_up[name], wanted[name]) / len(self._given_up[name])
            )
            for name in self.names
        }

    def bounds(self, name: str) -> tuple[float, float]:
        return float(self._given_up[name][0]), float(self._given_up[name][-1])


def prominence(candidates: MeasuredCandidates) -> NDArray[np.float32]:
    """The largest h that keeps each candidate; of a highest one the range of the map."""
    saddled_N = np.isfinite(candidates.saddle_N)
    falls_N = candidates.value_N - np.where(saddled_N, candidates.saddle_N, np.float32(0))
    return np.where(saddled_N, falls_N, candidates.range_).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One rule and what it is counted for."""

    rule: PeakRule
    counts: Counts

    @property
    def dice(self) -> float:
        return self.counts.dice


@dataclass(frozen=True, kw_only=True)
class Search:
    """Every trial in order, the first being the bundle's own rule; and what must be said about the
    best one's bounds.
    """

    trials: tuple[Trial, ...]
    on_bounds: tuple[str, ...]

    @property
    def before(self) -> Trial:
        return self.trials[0]

    @property
    def best(self) -> Trial:
        return max(self.trials, key=lambda trial: trial.dice)


def search(
    slices: Sequence[TunableSlice],
    ranges: Ranges,
    start: PeakRule,
    *,
    evaluations: int,
    seed: int = 0,
    progress: Callable[[int, Trial], None] = lambda *_: None,
) -> Search:
    """Try the bundle's own rule, the nearest place in the ranges, random places, then what the
    Gaussian process suggests.
    """
    optimiser = BayesianOptimization(
        f=None,
        pbounds=dict.fromkeys(ranges.names, (0.0, 1.0)),
        acquisition_function=ExpectedImprovement(xi=EXPLORATION),
        random_state=seed,
        verbose=0,
        allow_duplicate_points=True,
    )
    trials = [Trial(rule=start, counts=count_slices(slices, start))]
    progress(1, trials[0])
    places = [ranges.shares(start), *_random_places(ranges.names, max(10, evaluations // 5), seed)]
    while len(trials) < evaluations:
        shares = places[len(trials) - 1] if len(trials) <= len(places) else _suggestion(optimiser)
        rule = ranges.rule(shares)
        trial = Trial(rule=rule, counts=count_slices(slices, rule))
        optimiser.register(params=shares, target=trial.dice)
        trials.append(trial)
        progress(len(trials), max(trials, key=lambda trial: trial.dice))
    found = Search(trials=tuple(trials), on_bounds=())
    return Search(trials=found.trials, on_bounds=_on_bounds(found.best.rule, ranges))


def _random_places(names: Sequence[str], count: int, seed: int) -> list[dict[str, float]]:
    """Denser near 0: a rule that gives up half of the peaks by each of its numbers finds next to
    nothing.
    """
    rng = np.random.default_rng(seed)
    return [{name: float(rng.random() ** 2) for name in names} for _ in range(count)]


def _suggestion(optimiser: BayesianOptimization) -> dict[str, float]:
    return {name: float(share) for name, share in optimiser.suggest().items()}


def _on_bounds(rule: PeakRule, ranges: Ranges) -> tuple[str, ...]:
    """Each number that lies at the end of its range, in words that say what kind of end it is."""
    values = {
        "h": rule.min_prominence,
        "T": rule.min_likelihood,
        "d": float(rule.min_distance_px),
        "gate": rule.slice_gate,
    }
    sentences = []
    for name in ranges.names:
        low, high = ranges.bounds(name)
        margin = ON_BOUND * (high - low)
        if values[name] <= low + margin and name == "T":
            sentences.append(
                f"T = {values[name]:g} sits on its lower bound {low:g}, below which 2 % of the boxes lie"
            )
        elif values[name] <= low + (0 if name == "d" else margin):
            sentences.append(
                f"{name} = {values[name]:g} sits at its lower end {low:g}, where it rejects nothing that counts"
            )
        elif values[name] >= high - margin:
            sentences.append(
                f"{name} = {values[name]:g} sits on its upper bound {high:g}, beyond which nothing in a box is found"
            )
    return tuple(sentences)
