"""Points and boxes -> figures: examples computed by hand."""

from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np
import pytest

from ich_node.scoring.counts import Counts, count, count_all
from ich_node.scoring.froc import froc
from ich_node.scoring.intervals import bootstrap
from ich_node.scoring.points import Point, ScoredSlice, holds
from ich_node.scoring.recall import Recall, by_kind, by_size, pointing_game
from ich_node.scoring.roc import (
    area_under_curve,
    ppv_at_prevalence,
    roc_point,
    sensitivity_at_specificity,
)


@dataclass(frozen=True, kw_only=True)
class Box:
    kind: str
    row0: float
    column0: float
    row1: float
    column1: float


def box(row0: float, column0: float, row1: float, column1: float, kind: str = "Subdural") -> Box:
    return Box(kind=kind, row0=row0, column0=column0, row1=row1, column1=column1)


def point(row: float, column: float, score: float = 1.0) -> Point:
    return Point(row=row, column=column, score=score)


def scored(points=(), boxes=(), **more) -> ScoredSlice:
    return ScoredSlice(
        **({"patient_id": "a", "points": tuple(points), "boxes": tuple(boxes)} | more)
    )


LEFT, RIGHT, BOTH = box(0, 0, 10, 10), box(0, 20, 10, 30, "Epidural"), box(0, 0, 10, 30, "Chronic")


def test_a_box_counts_once_and_an_outside_point_each_time():
    """Two points in one box are one TP; the box without a point is one FN; two points elsewhere are
    two FP.
    """
    found = count(scored([point(1, 1), point(2, 2), point(50, 50), point(60, 60)], [LEFT, RIGHT]))
    assert found == Counts(tp=1, fp=2, fn=1)


def test_a_point_in_two_boxes_finds_both():
    """Overlapping boxes of several readers each count."""
    assert count(scored([point(5, 5)], [LEFT, BOTH])) == Counts(tp=2, fp=0, fn=0)


def test_edges():
    """The first row and column belong to a box, the last do not: neighbours share no point."""
    assert [holds(LEFT, point(*place)) for place in ((0, 0), (9.99, 9.99), (10, 5), (5, 10))] == [
        True,
        True,
        False,
        False,
    ]


def test_an_ignored_box_counts_neither_way():
    """A point in an ignored box is no FP, a missed ignored box no FN; a true box inside it is found
    all the same.
    """
    assert count(scored([point(5, 25)], [], ignored=(BOTH,))) == Counts()
    assert count(scored([], [], ignored=(BOTH,))) == Counts()
    assert count(scored([point(5, 5)], [LEFT], ignored=(BOTH,))) == Counts(tp=1)


def test_counts_are_pooled_before_anything_is_divided():
    """3 boxes in 2 slices, 2 found, 1 false point on a slice without boxes: Se 2/3, PPV 2/3, Dice
    4/6.
    """
    slices = [
        scored([point(1, 1)], [LEFT, RIGHT]),
        scored([point(5, 25)], [RIGHT]),
        scored([point(3, 3)]),
    ]
    pooled = count_all(slices)
    assert pooled == Counts(tp=2, fp=1, fn=1)
    assert (pooled.sensitivity, pooled.ppv, pooled.dice) == pytest.approx((2 / 3, 2 / 3, 4 / 6))


def test_figures_of_table_1_agree_with_each_other():
    """Dice is the harmonic mean of PPV and sensitivity: 61.88 and 54.72 give the paper's 58.08;
    38.19 and 62.13 its 47.30.
    """
    for ppv, sensitivity, dice in ((61.88, 54.72, 58.08), (38.19, 62.13, 47.30)):
        tp = 1e6
        counts = Counts(
            tp=int(tp), fp=round(tp / ppv * 100 - tp), fn=round(tp / sensitivity * 100 - tp)
        )
        assert 100 * counts.dice == pytest.approx(dice, abs=0.006)


def test_nothing_divided_by_nothing_is_no_figure():
    """No boxes and no points: nan, neither perfect nor worthless."""
    assert isnan(Counts().sensitivity)
    assert isnan(Counts().ppv)
    assert isnan(Counts().dice)


def test_kinds_and_sizes():
    """Each box in the class of its kind, and of its longer side in mm."""
    slices = [
        scored([point(5, 5)], [LEFT, RIGHT], pixel_spacing_mm=(0.5, 0.5)),
        scored([point(5, 5)], [LEFT], pixel_spacing_mm=(0.5, 2.0)),
    ]
    assert by_kind(slices) == {
        "Epidural": Recall(found=0, boxes=1),
        "Subdural": Recall(found=2, boxes=2),
    }
    assert by_size(slices) == {
        "0 to 10 mm": Recall(found=1, boxes=2),
        "20 to 40 mm": Recall(found=1, boxes=1),
    }


def test_froc():
    """Two boxes with best points 0.9 and 0.4; false points 0.6 and 0.4; two slices."""
    slices = [
        scored([point(1, 1, 0.9), point(2, 2, 0.1), point(50, 50, 0.6)], [LEFT]),
        scored([point(5, 25, 0.4), point(50, 50, 0.4)], [RIGHT]),
    ]
    curve = froc(slices)
    assert curve.threshold == (inf, 0.9, 0.6, 0.4, 0.1)
    assert curve.sensitivity == (0, 0.5, 0.5, 1, 1)
    assert curve.false_points_per_slice == (0, 0, 0.5, 1, 1)
    assert [curve.sensitivity_at(cost) for cost in (0, 0.5, 0.99, 1, 8)] == [0.5, 0.5, 0.5, 1, 1]


def test_froc_ends_at_the_pooled_counts():
    """Its loosest point is what counting without a threshold gives."""
    rng = np.random.default_rng(0)
    slices = [
        scored(
            [point(*rng.uniform(0, 40, 2), float(rng.random())) for _ in range(rng.integers(5))],
            [LEFT, RIGHT][: rng.integers(3)],
        )
        for _ in range(60)
    ]
    curve, counts = froc(slices), count_all(slices)
    assert curve.sensitivity[-1] == pytest.approx(counts.sensitivity)
    assert curve.false_points_per_slice[-1] == pytest.approx(counts.fp / len(slices))


def test_pointing_game():
    """Of the slices with boxes, those whose highest place lies in one; slices without boxes do not
    play.
    """
    slices = [
        scored([], [LEFT], top=point(5, 5)),
        scored([], [LEFT], top=point(5, 25)),
        scored([], [], top=point(5, 5)),
    ]
    assert pointing_game(slices) == Recall(found=1, boxes=2)


def test_area_under_curve():
    """Positives 3 and 1, negatives 2 and 1: 3 wins twice, 1 loses once and ties once: (2 + 0.5) /
    4.
    """
    assert (
        area_under_curve(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
        == 0.625
    )
    assert isnan(area_under_curve(np.array([1.0]), np.array([True])))


def test_area_under_curve_is_the_share_of_pairs():
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 9, 200).astype(float), rng.random(200) < 0.3
    pairs = np.sign(score[label][:, None] - score[~label][None, :])
    assert area_under_curve(score, label) == pytest.approx(float((pairs + 1).mean() / 2))


def test_sensitivity_at_a_specificity():
    """Negatives 1 2 3 4, positives 2 4 5: specificity 0.75 is first reached from 4 on, which finds
    2 of 3.
    """
    score, label = np.array([1.0, 2, 3, 4, 2, 4, 5]), np.array([False] * 4 + [True] * 3)
    figure = sensitivity_at_specificity(score, label, 0.75)
    assert (figure.threshold, figure.sensitivity, figure.specificity) == (4, 2 / 3, 0.75)
    assert sensitivity_at_specificity(score, label, 1.0).sensitivity == 1 / 3
    assert isnan(sensitivity_at_specificity(score, ~np.zeros(7, bool), 0.9).sensitivity)
    assert roc_point(score, label, 2.0).specificity == 0.25


def test_ppv_at_a_prevalence():
    """Sensitivity 94, specificity 94.5 at 2 percent: about one call in four is right."""

    def ppv_of(sensitivity: float, specificity: float, prevalence: float) -> float:
        return ppv_at_prevalence(
            sensitivity=sensitivity, specificity=specificity, prevalence=prevalence
        )

    assert ppv_of(0.94, 0.945, 0.02) == pytest.approx(0.0188 / (0.0188 + 0.0539))
    assert isnan(ppv_of(0.0, 1.0, 0.5))


def test_patients_are_drawn_whole():
    """100 equal rows of one patient and 100 of another make an interval as wide as two patients
    are.
    """
    row = np.repeat([0.0, 1.0], 100)
    interval = bootstrap(
        ["a"] * 100 + ["b"] * 100, lambda rows: float(row[rows].mean()), resamples=200
    )
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_the_interval_of_a_mean():
    """Of 400 patients the 95 percent interval of a share of one half is near 0.5 ± 1.96 · 0.025,
    and the same each time.
    """
    row = np.arange(400) % 2
    patients = [str(index) for index in range(400)]
    interval = bootstrap(patients, lambda rows: float(row[rows].mean()))
    assert (interval.low, interval.high) == pytest.approx((0.451, 0.549), abs=0.006)
    assert interval == bootstrap(patients, lambda rows: float(row[rows].mean()))


def test_one_patient_gives_no_interval():
    assert isnan(bootstrap(["a", "a"], len).low)
    assert isnan(bootstrap(["a", "b"], lambda _: nan, resamples=10).high)
