"""Points and boxes -> counts -> figures. Exact definitions; training tunes by them and evaluation
reports them.

The paper's rule (Nemcek 2021 §III and Table I, and the authors' implementation of it), slice by
slice:

- a box with at least one point inside is one true positive, however many points it holds;
- a box without a point is one false negative;
- a point outside every box is one false positive. A point inside two boxes makes two true positives.

The counts of all slices are added up before anything is divided (micro average); slices without a
box add only false positives:

    sensitivity = TP / (TP + FN)      PPV = TP / (TP + FP)      Dice = 2 TP / (2 TP + FP + FN)

One difference: the authors halve and round the boxes to the 256 px grid of the map; here points and
boxes meet unrounded in the pixels of the original slice. Both take the first edge as inside and the
last as outside. A figure that divides by nothing is nan, not 0 or 1.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SIZE_EDGES_MM = (0.0, 10.0, 20.0, 40.0, inf)  # classes of a box's longer side
LEVEL = 0.95  # of the bootstrap intervals


class Box(Protocol):
    """A labelled bleed in pixels of the original slice: 0-based, half-open (the first row inside,
    the last outside).
    """

    @property
    def kind(self) -> str: ...
    @property
    def row0(self) -> float: ...
    @property
    def column0(self) -> float: ...
    @property
    def row1(self) -> float: ...
    @property
    def column1(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Point:
    """A mark in pixels of the original slice; score orders the marks of all slices (the higher, the
    more certain).
    """

    row: float
    column: float
    score: float


@dataclass(frozen=True, kw_only=True)
class ScoredSlice:
    """What was found in one slice beside what is known of it.

    ignored: boxes that count neither way (chronic bleeds, where the option says so): missing one is
    no false negative, and a point inside one and outside every box is no false positive. top: the
    highest place of the likelihood map.
    """

    patient_id: str
    points: tuple[Point, ...]
    boxes: tuple[Box, ...]
    ignored: tuple[Box, ...] = ()
    pixel_spacing_mm: tuple[float, float] = (1.0, 1.0)
    top: Point | None = None


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
        return _share(self.tp, self.tp + self.fn)

    @property
    def ppv(self) -> float:
        return _share(self.tp, self.tp + self.fp)

    @property
    def dice(self) -> float:
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def holds(box: Box, point: Point) -> bool:
    """Whether the point lies in the box."""
    return box.row0 <= point.row < box.row1 and box.column0 <= point.column < box.column1


def count(scored: ScoredSlice) -> Counts:
    """The paper's rule on one slice."""
    hit = sum(any(holds(box, point) for point in scored.points) for box in scored.boxes)
    outside = sum(_is_outside(point, scored) for point in scored.points)
    return Counts(tp=hit, fp=outside, fn=len(scored.boxes) - hit)


def count_all(slices: Iterable[ScoredSlice]) -> Counts:
    """The paper's rule pooled over slices."""
    return sum(map(count, slices), start=Counts())


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How many boxes of a class were found. (Points outside every box belong to no class, so there
    is no PPV.)
    """

    found: int
    boxes: int

    @property
    def sensitivity(self) -> float:
        return _share(self.found, self.boxes)


def by_kind(slices: Iterable[ScoredSlice]) -> dict[str, Recall]:
    """Boxes found for each kind of bleed."""
    return _by_class(slices, lambda box, _: box.kind)


def by_size(slices: Iterable[ScoredSlice]) -> dict[str, Recall]:
    """Boxes found for each class of size, smallest first; size is the longer side in mm."""
    names = [_size_name(lower, upper) for lower, upper in pairwise(SIZE_EDGES_MM)]
    found = _by_class(slices, lambda box, spacing_mm: names[_size_class(box, spacing_mm)])
    return {name: found[name] for name in names if name in found}


def _by_class(
    slices: Iterable[ScoredSlice], class_of: Callable[[Box, tuple[float, float]], str]
) -> dict[str, Recall]:
    tally: dict[str, list[bool]] = {}
    for scored in slices:
        for box in scored.boxes:
            hit = any(holds(box, point) for point in scored.points)
            tally.setdefault(class_of(box, scored.pixel_spacing_mm), []).append(hit)
    return {name: Recall(found=sum(hits), boxes=len(hits)) for name, hits in sorted(tally.items())}


def _size_class(box: Box, pixel_spacing_mm: tuple[float, float]) -> int:
    side_mm = max(
        (box.row1 - box.row0) * pixel_spacing_mm[0],
        (box.column1 - box.column0) * pixel_spacing_mm[1],
    )
    return int(np.searchsorted(SIZE_EDGES_MM, side_mm, side="right")) - 1


def _size_name(lower_mm: float, upper_mm: float) -> str:
    return (
        f"{lower_mm:.0f} mm and more" if upper_mm == inf else f"{lower_mm:.0f} to {upper_mm:.0f} mm"
    )


@dataclass(frozen=True, kw_only=True)
class Froc:
    """Free-response ROC: what a threshold on the points' scores gives, from the strictest (no
    point) to the loosest (all).
    """

    threshold: tuple[float, ...]
    sensitivity: tuple[float, ...]
    false_points_per_slice: tuple[float, ...]

    def sensitivity_at(self, false_points_per_slice: float) -> float:
        """The highest sensitivity that costs no more than this; nan without boxes."""
        return max(
            value
            for value, cost in zip(self.sensitivity, self.false_points_per_slice, strict=True)
            if cost <= false_points_per_slice
        )


def froc(slices: Sequence[ScoredSlice]) -> Froc:
    """Per box: a box is found at a threshold if a point inside it scores at least that."""
    outside = np.sort(
        [point.score for scored in slices for point in scored.points if _is_outside(point, scored)]
    )
    boxes = np.sort([_box_score(box, scored.points) for scored in slices for box in scored.boxes])
    thresholds = np.append(
        np.unique([point.score for scored in slices for point in scored.points]), inf
    )[::-1]
    found = len(boxes) - np.searchsorted(boxes, thresholds, side="left")
    false = len(outside) - np.searchsorted(outside, thresholds, side="left")
    return Froc(
        threshold=tuple(thresholds.tolist()),
        sensitivity=tuple(_share(int(number), len(boxes)) for number in found),
        false_points_per_slice=tuple(_share(int(number), len(slices)) for number in false),
    )


def pointing_game(slices: Iterable[ScoredSlice]) -> Recall:
    """Of the slices with a box, those whose map is highest inside one (Zhang et al. 2018, without
    their tolerance).
    """
    hits = [
        any(holds(box, scored.top) for box in scored.boxes)
        for scored in slices
        if scored.boxes and scored.top is not None
    ]
    return Recall(found=sum(hits), boxes=len(hits))


def area_under_curve(score_N: NDArray[np.floating], label_N: NDArray[np.bool_]) -> float:
    """The probability that a positive scores above a negative, ties half (Mann-Whitney); nan where
    one of them is missing.
    """
    positives, negatives = int(label_N.sum()), int((~label_N).sum())
    if not positives or not negatives:
        return nan
    _, place_N, times = np.unique(score_N, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(times) - (times - 1) / 2
    above = float(mean_rank[place_N][label_N].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


@dataclass(frozen=True, kw_only=True)
class RocPoint:
    """A threshold (positive from it on) and what it gives."""

    threshold: float
    sensitivity: float
    specificity: float


def roc_point(
    score_N: NDArray[np.floating], label_N: NDArray[np.bool_], threshold: float
) -> RocPoint:
    """Sensitivity and specificity where a score of at least threshold is positive."""
    positive_N = score_N >= threshold
    return RocPoint(
        threshold=threshold,
        sensitivity=_share(int((positive_N & label_N).sum()), int(label_N.sum())),
        specificity=_share(int((~positive_N & ~label_N).sum()), int((~label_N).sum())),
    )


def sensitivity_at_specificity(
    score_N: NDArray[np.floating], label_N: NDArray[np.bool_], specificity: float
) -> RocPoint:
    """The point of the empirical ROC with the highest sensitivity at this specificity or more."""
    negatives = np.sort(score_N[~label_N])
    if not len(negatives) or len(negatives) == len(label_N):
        return RocPoint(threshold=nan, sensitivity=nan, specificity=nan)
    thresholds = np.append(np.unique(score_N), inf)
    specificities = np.searchsorted(negatives, thresholds, side="left") / len(negatives)
    return roc_point(score_N, label_N, float(thresholds[np.argmax(specificities >= specificity)]))


def ppv_at_prevalence(sensitivity: float, specificity: float, prevalence: float) -> float:
    """Bayes: the share of positive calls that are right where this share of the studies has the
    disease.
    """
    right = sensitivity * prevalence
    wrong = (1 - specificity) * (1 - prevalence)
    return right / (right + wrong) if right + wrong else nan


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A percentile interval."""

    low: float
    high: float


def bootstrap(
    patient_N: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> Interval:
    """The interval of statistic(row indices) over patients drawn with replacement, all rows of a
    patient together.

    Slices of one patient resemble each other: drawing slices would make the interval far too
    narrow. Draws in which the statistic is nan (no negative patient, say) are left out; if they are
    the half or more, there is no interval.
    """
    _, patient_of_row = np.unique(np.asarray(patient_N), return_inverse=True)
    patients = int(patient_of_row.max()) + 1 if len(patient_of_row) else 0
    if patients < 2:
        return Interval(low=nan, high=nan)
    rows_of = [np.flatnonzero(patient_of_row == patient) for patient in range(patients)]
    rng = np.random.default_rng(seed)
    values = np.array(
        [
            statistic(
                np.concatenate(
                    [rows_of[patient] for patient in rng.integers(0, patients, patients)]
                )
            )
            for _ in range(resamples)
        ]
    )
    values = values[~np.isnan(values)]
    if 2 * len(values) <= resamples:
        return Interval(low=nan, high=nan)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else nan


def _is_outside(point: Point, scored: ScoredSlice) -> bool:
    return not any(holds(box, point) for box in (*scored.boxes, *scored.ignored))


def _box_score(box: Box, points: Iterable[Point]) -> float:
    """The highest score inside the box; a box without a point is found at no threshold."""
    return max((point.score for point in points if holds(box, point)), default=-inf)
