"""Points and boxes -> counts -> sensitivity, PPV, Dice. Training tunes by them, evaluation reports
them.

The paper's rule (Nemcek 2021 §III and Table I, and the authors' implementation of it), slice by
slice:

- a box with at least one point inside is one true positive, however many points it holds;
- a box without a point is one false negative;
- a point outside every box is one false positive. A point inside two boxes finds both.

The counts of all slices are added up before anything is divided (micro average); slices without a
box add only false positives:

    sensitivity = TP / (TP + FN)      PPV = TP / (TP + FP)      Dice = 2 TP / (2 TP + FP + FN)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

from ich_node.scoring.points import ScoredSlice


@dataclass(frozen=True, kw_only=True)
class Counts:
    """True positives (boxes), false positives (points), false negatives (boxes)."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(tp=self.tp + other.tp, fp=self.fp + other.fp, fn=self.fn + other.fn)

    @property
    def sensitivity(self) -> float:
        return share(self.tp, self.tp + self.fn)

    @property
    def ppv(self) -> float:
        return share(self.tp, self.tp + self.fp)

    @property
    def dice(self) -> float:
        return share(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def count(scored: ScoredSlice) -> Counts:
    """The paper's rule on one slice."""
    found = sum(map(scored.is_found, scored.boxes))
    return Counts(tp=found, fp=len(scored.false_points()), fn=len(scored.boxes) - found)


def count_all(slices: Iterable[ScoredSlice]) -> Counts:
    """The paper's rule pooled over slices."""
    return sum(map(count, slices), start=Counts())


def share(part: int, whole: int) -> float:
    """part / whole; nan, neither 0 nor 1, where there is nothing to divide by."""
    return part / whole if whole else nan
