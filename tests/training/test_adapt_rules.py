"""`ich-node adapt`: when the threshold may rise, and when no bundle is written."""

import numpy as np
import pytest

from ich_node.detection.peaks import PeakRule
from ich_node.model.calibration import Calibration
from training.adapt.finding import Peaked, ReadBleed, finds_from, rule_after
from training.adapt.known_head import KnownBleed
from training.adapt.outcome import Outcome, ReadTwice, Shown
from training.adapt.reliability import Bin, calibration_error, reliability
from training.adapt.sensitivity import Found, Sensitivity, falls
from training.adapt.threshold import LEAST_TO_RISE, Kept, choose_threshold


def bleeds(*, both=0, lost=0, gained=0, neither=0, groups=("IPH",)) -> tuple[Found, ...]:
    counts = {(True, True): both, (True, False): lost, (False, True): gained}
    counts[False, False] = neither
    return tuple(
        Found(groups=groups, before=before, after=after)
        for (before, after), count in counts.items()
        for _ in range(count)
    )


def test_a_fall_of_more_than_two_points_is_one():
    """2.1 points are too many, 2.0 are not; what is gained elsewhere counts."""
    assert Sensitivity(name="drawn", bleeds=bleeds(both=900, lost=21, neither=79)).falls_too_far
    assert not Sensitivity(name="drawn", bleeds=bleeds(both=900, lost=20, neither=80)).falls_too_far
    gained = bleeds(both=900, lost=40, gained=20, neither=40)
    assert not Sensitivity(name="drawn", bleeds=gained).falls_too_far


def test_a_fall_is_said_in_numbers():
    """Whoever reads it sees how many bleeds are not found any more."""
    sets = [Sensitivity(name="drawn", bleeds=bleeds(both=900, lost=21, neither=79))]
    assert falls(sets) == ["drawn: 900 of 1000 are found instead of 921, a fall of 2.1 points"]


def test_one_lost_positive_of_five_is_a_fall():
    """Real bleeds are few: losing one of them is no chance that may be taken."""
    (sentence,) = falls([Sensitivity(name="positives", bleeds=bleeds(both=4, lost=1))])
    assert sentence == "positives: 4 of 5 are found instead of 5, a fall of 20.0 points"


def test_a_kind_falls_only_beyond_chance():
    """5 lost and 1 gained of 40 happen by chance (p 0.22); 9 lost and 1 gained do not (0.02)."""
    others = bleeds(both=1000, groups=("SDH",))
    by_chance = bleeds(both=34, lost=5, gained=1, groups=("IPH",))
    beyond = bleeds(both=30, lost=9, gained=1, groups=("IPH",))
    assert falls([Sensitivity(name="drawn", bleeds=others + by_chance)]) == []
    assert falls([Sensitivity(name="drawn", bleeds=others + beyond)]) == [
        "drawn, IPH: 31 of 40 are found instead of 39, a fall of 20.0 points"
    ]


def kept(scores, found_before, name="drawn bleeds") -> Kept:
    return Kept(name=name, score_N=np.array(scores), found_before=found_before)


def test_below_twenty_left_out_studies_the_threshold_never_rises():
    """Whatever the negatives say: 19 of them do not, 20 do."""
    found = [kept([0.99] * 10, 10)]
    negatives = list(np.linspace(0.5, 0.95, LEAST_TO_RISE))
    few = choose_threshold(before=0.7, kept=found, negatives=negatives[1:])
    enough = choose_threshold(before=0.7, kept=found, negatives=negatives)
    assert few.value == 0.7
    assert enough.value is not None
    assert 0.9 < enough.value < 0.95  # one of 20 may lie above it
    assert "19 left-out studies are too few" in few.why
    assert "95% of 20" in enough.why


def test_the_threshold_falls_as_far_as_the_sensitivity_needs():
    """Three of four were found before; the third of the new scores is 0.6123."""
    scores = [0.99, 0.7, 0.61239, 0.2]
    few = choose_threshold(before=0.7, kept=[kept(scores, 3)], negatives=[0.1] * 7)
    many = choose_threshold(before=0.7, kept=[kept(scores, 3)], negatives=[0.9] * 30)
    assert few.value == many.value == 0.6123
    assert few.why == "lower than wanted, so that as many bleeds are found as before"


def test_every_set_keeps_what_it_had():
    """The threshold is that of the set that needs the lowest one."""
    sets = [kept([0.9, 0.8], 2), kept([0.5, 0.1], 1, name="positives")]
    assert choose_threshold(before=0.7, kept=sets, negatives=[]).value == 0.5


def test_bleeds_that_are_found_at_no_threshold_leave_none():
    """A set whose name is said."""
    chosen = choose_threshold(before=0.7, kept=[kept([0.9, 0.0], 2)], negatives=[])
    assert chosen.value is None
    assert "as many drawn bleeds found as before" in chosen.why


def read_twice(before: bool, after: bool) -> ReadTwice:
    shown = [
        Shown(probability=0.9 if each else 0.1, positive=each, points=2 * each)
        for each in (before, after)
    ]
    return ReadTwice(study_uid="1.2", before=shown[0], after=shown[1])


def outcome(
    *negatives: ReadTwice, threshold: float | None = 0.7, why: str = "as it was"
) -> Outcome:
    return Outcome(
        negatives=negatives,
        sets=(Sensitivity(name="drawn", bleeds=bleeds(both=10)),),
        threshold_before=0.7,
        threshold=threshold,
        why_threshold=why,
    )


def test_more_false_calls_are_no_adaptation():
    """A threshold that fell for the sensitivity may cost more than it gives."""
    worse = outcome(read_twice(False, True), read_twice(False, False))
    assert worse.objections() == [
        "left-out studies without bleeding: 1 of 2 are called positive instead of 0"
    ]
    assert outcome(read_twice(True, False), read_twice(False, False)).objections() == []


def test_no_safe_threshold_is_an_objection():
    """Its sentence is the reason."""
    assert outcome(threshold=None, why="at no threshold").objections() == ["at no threshold"]


def test_the_outcome_counts_false_points_of_a_study():
    """Two points on one of two studies before, none after."""
    counted = outcome(read_twice(True, False), read_twice(False, False))
    assert (counted.points_before, counted.points_after) == (1.0, 0.0)
    assert counted.gains


IDENTITY = Calibration()
RULE = PeakRule(min_distance_px=1, min_likelihood=1.0, min_prominence=0.0, slice_gate=0.7)


def read_bleed(*peaks: tuple[float, float]) -> ReadBleed:
    return ReadBleed(
        bleed=KnownBleed(kind="IPH", boxes={}),
        peaks=tuple(Peaked(slice_logit=logit, likelihood=height) for logit, height in peaks),
    )


def test_a_bleed_is_found_up_to_the_probability_of_its_slice():
    """A peak above T, on the better of two slices."""
    score = finds_from(read_bleed((2.0, 1.9), (1.0, 1.5)), RULE, IDENTITY, head="max")
    assert score == pytest.approx(IDENTITY.probability(2.0))


def test_a_peak_below_t_is_found_where_the_threshold_lowers_t():
    """T is at least 0.5 below the logit of the threshold: at that of 0.3 + 0.5 the peak counts."""
    score = finds_from(read_bleed((2.0, 0.3)), RULE, IDENTITY, head="max")
    assert score == pytest.approx(IDENTITY.probability(0.8))
    assert finds_from(read_bleed((2.0, 0.3)), RULE, IDENTITY, head="attention") == 0
    assert finds_from(read_bleed(), RULE, IDENTITY, head="max") == 0


def test_t_keeps_its_probability():
    """With another calibration the same height means another probability."""
    after = Calibration(shift=1.0, temperature=2.0)
    moved = rule_after(RULE, before=IDENTITY, after=after, head="max")
    assert after.probability(moved.min_likelihood) == pytest.approx(IDENTITY.probability(1.0))
    assert rule_after(RULE, before=IDENTITY, after=after, head="attention") == RULE


def test_reliability_is_counted_in_bins():
    """Two slices of 0.1 and 0.15, of which one bleeds; one of 1.0 that does."""
    bins = reliability(np.array([0.1, 0.15, 1.0]), np.array([True, False, True]))
    assert bins == (
        Bin(slices=2, predicted=0.125, bleeding=0.5),
        Bin(slices=1, predicted=1.0, bleeding=1.0),
    )
    assert calibration_error(bins) == pytest.approx(0.25)
