"""What was not analysed, by reason and by rule."""

from datetime import timedelta

import pytest

from ich_node.ledger import JobState, Ledger, not_analysed
from ich_node.ledger.not_analysed import NotAnalysedSearch
from tests.support.ledger_examples import LEASE, MAX_WAIT, T0, claim, instance

HOUR = timedelta(hours=1)
DAY = {"since": T0, "until": T0 + 24 * HOUR}


def received(ledger: Ledger, number: int):
    """The job, claimed."""
    at = T0 + number * HOUR
    ledger.receiving.add(
        instance(series=f"2.25.{number}", study=f"2.25.9.{number}", at=at),
        ready_at=at,
        max_wait=MAX_WAIT,
    )
    return claim(ledger, at=at)


def filled(ledger: Ledger) -> None:
    """Of one day: 1 and 2 a bone kernel, by the shipped rule; 3 refused and 4 held by a rule of the
    site; 5 failed; 6 cancelled; 7 is read.
    """
    for number in (1, 2):
        ledger.reading.refuse(
            received(ledger, number),
            now=T0,
            reason="bone_kernel",
            detail="H70h",
            rule="bone-kernel",
        )
    ledger.reading.refuse(received(ledger, 3), now=T0, reason="site_rule", detail="", rule="mine")
    ledger.reading.hold(
        received(ledger, 4), now=T0, until=T0 + 30 * HOUR, rule="mine", detail="no order"
    )
    ledger.reading.fail(received(ledger, 5), now=T0, reason="crashed", detail="", retry_at=None)
    at = T0 + 6 * HOUR
    ledger.receiving.add(instance(series="2.25.6", at=at), ready_at=at + LEASE, max_wait=MAX_WAIT)
    ledger.operator.cancel(6, now=at)
    received(ledger, 7)


def test_series_are_counted_by_reason_and_by_rule(ledger):
    """The most frequent reason first; what is held or cancelled is no refusal, and is named."""
    filled(ledger)
    counted = ledger.not_analysed.count(**DAY)
    assert [(each.reason, each.count, each.newest_at) for each in counted.reasons] == [
        ("bone_kernel", 2, T0 + 2 * HOUR),
        ("crashed", 1, T0 + 5 * HOUR),
        ("site_rule", 1, T0 + 3 * HOUR),
    ]
    assert counted.total == 4
    assert counted.rules == {"bone-kernel": 2, "mine": 2}
    assert counted.others == {JobState.HELD: 1, JobState.CANCELLED: 1}
    assert counted.received == 7
    assert counted.looked_back_to is None


def test_the_period_has_a_beginning_and_an_end(ledger):
    """What came before or after is not counted; the beginning belongs to it."""
    filled(ledger)
    counted = ledger.not_analysed.count(since=T0 + 2 * HOUR, until=T0 + 5 * HOUR)
    assert [(each.reason, each.count) for each in counted.reasons] == [
        ("site_rule", 1),
        ("bone_kernel", 1),
    ]
    assert counted.received == 3


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({}, [5, 3, 2, 1]),
        ({"reason": "bone_kernel"}, [2, 1]),
        ({"rule": "mine"}, [4, 3]),
        ({"rule": "mine", "reason": "site_rule"}, [3]),
        ({"reason": "gone"}, []),
    ],
)
def test_the_series_of_a_reason_are_listed_the_newest_first(ledger, which, expected):
    filled(ledger)
    found = ledger.not_analysed.list(NotAnalysedSearch(**DAY, **which), limit=10)
    assert [job.id for job in found] == expected
    assert ledger.not_analysed.list(NotAnalysedSearch(**DAY, **which), limit=1) == found[:1]


def test_a_long_ledger_is_looked_through_in_part_and_says_so(ledger, monkeypatch):
    """The newest of each state are counted, and since when all are."""
    filled(ledger)
    monkeypatch.setattr(not_analysed, "MOST", 2)
    counted = ledger.not_analysed.count(**DAY)
    assert [(each.reason, each.count) for each in counted.reasons] == [
        ("crashed", 1),
        ("site_rule", 1),
        ("bone_kernel", 1),
    ]
    assert counted.looked_back_to == T0 + 2 * HOUR
    assert counted.received == 3
