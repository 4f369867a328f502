"""Bayesian optimisation of h, T, d and the slice gate, maximising the paper's Dice over maps that
were predicted once.

Each number is searched as the share of the in-box peaks that it gives up, from 0 (the rule lets all
of them through) to 1 (none). So the bounds come from the data and fit any head's unit: beyond them
a number could only add false points, or find nothing. (The paper's fixed bounds cut its optimum:
d = 58 of at most 60 for the attention map.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from bayes_opt import BayesianOptimization
from bayes_opt.acquisition import ExpectedImprovement

from ich_node.detection.peaks import PeakRule
from ich_node.scoring.counts import Counts
from training.rule_ranges import RuleRanges
from training.tunable_slices import TunableSlice, count_slices

EXPLORATION = 0.002  # of Dice: the improvement that is worth a trial


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One rule and its counts."""

    rule: PeakRule
    counts: Counts

    @property
    def dice(self) -> float:
        return self.counts.dice


@dataclass(frozen=True, kw_only=True)
class Search:
    """Every trial in order, the first with the bundle's own rule; the first of the best ones; and a
    sentence for each of its numbers that lies at the end of its range.
    """

    trials: tuple[Trial, ...]
    best: Trial
    on_bounds: tuple[str, ...]

    @property
    def before(self) -> Trial:
        return self.trials[0]


def search(
    slices: Sequence[TunableSlice],
    *,
    ranges: RuleRanges,
    start: PeakRule,
    evaluations: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Search:
    """Try the bundle's own rule, the nearest point in the ranges, random points, and then what the
    Gaussian process suggests. progress: called with the number of trials.
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
    progress(1)
    points = [ranges.shares(start), *_random_points(ranges.names, max(10, evaluations // 5), seed)]
    while len(trials) < evaluations:
        shares = points[len(trials) - 1] if len(trials) <= len(points) else _suggestion(optimiser)
        rule = ranges.rule(shares)
        trial = Trial(rule=rule, counts=count_slices(slices, rule))
        optimiser.register(params=shares, target=trial.dice)
        trials.append(trial)
        progress(len(trials))
    best = max(trials, key=lambda trial: trial.dice)
    return Search(trials=tuple(trials), best=best, on_bounds=ranges.on_bounds(best.rule))


def _random_points(names: Sequence[str], count: int, seed: int) -> list[dict[str, float]]:
    """Denser near 0, since a rule whose numbers give up half of the peaks each finds next to
    nothing.
    """
    rng = np.random.default_rng(seed)
    return [{name: float(rng.random() ** 2) for name in names} for _ in range(count)]


def _suggestion(optimiser: BayesianOptimization) -> dict[str, float]:
    return {name: float(share) for name, share in optimiser.suggest().items()}
