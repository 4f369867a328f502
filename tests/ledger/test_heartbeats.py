"""What processes say of themselves, what they count, and what destinations answered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from ich_node.ledger.counts import BUCKETS, INFERENCE_SECONDS, Counted, Tally
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.tables import counts as counts_table

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BEAT = Heartbeat(
    host="node",
    service="analyse",
    pid=7,
    version="1.0",
    started_at=NOW - SECOND,
    beat_at=NOW,
    is_ready=False,
)


def test_heartbeat(ledger):
    """A process has one row, which its end removes; another process of its host keeps its own."""
    ledger.heartbeats.beat(BEAT)
    later = replace(BEAT, beat_at=NOW + 10 * SECOND, is_ready=True, facts={"engine": "openvino"})
    ledger.heartbeats.beat(later)
    other = replace(BEAT, pid=8, started_at=NOW)
    ledger.heartbeats.beat(other)
    assert ledger.heartbeats.all() == [other, later]
    ledger.heartbeats.end(host="node", service="analyse", pid=7)
    assert ledger.heartbeats.all() == [other]


def test_processes_of_which_nothing_is_heard_are_forgotten(ledger):
    ledger.heartbeats.beat(BEAT)
    gone = replace(BEAT, host="pod-1", beat_at=NOW - timedelta(days=2))
    ledger.heartbeats.beat(gone)
    assert ledger.heartbeats.prune(before=NOW - timedelta(days=1)) == 1
    assert ledger.heartbeats.all() == [BEAT]
    assert ledger.heartbeats.prune(before=NOW - timedelta(days=1)) == 0


def test_counts_of_two_processes_add_up(ledger):
    """Each process adds what it counted since the last time, also where the other was first."""
    first, second = Tally(), Tally()
    first.add("series", outcome="present")
    for _ in range(3):
        second.add("series", outcome="present")
    second.add("series", outcome="refused", reason="contrast")
    for counted in (first, second, first):
        ledger.counts.add(counted.take())
    assert ledger.counts.all() == [
        Counted(name="series", labels={"outcome": "present"}, value=4),
        Counted(name="series", labels={"outcome": "refused", "reason": "contrast"}, value=1),
    ]


def test_histogram(ledger):
    """A value counts in the smallest bucket that holds it."""
    counted = Tally()
    for seconds in (0.1, 0.3, 0.4, 1000.0):
        counted.observe(INFERENCE_SECONDS, seconds)
    ledger.counts.add(counted.take())
    assert {next(iter(each.labels.items())): each.value for each in ledger.counts.all()} == {
        ("le", "0.1"): 1,
        ("le", "0.5"): 2,
        ("le", "inf"): 1,
        ("sum", "sum"): 1000.8,
    }
    assert list(BUCKETS[INFERENCE_SECONDS]) == sorted(BUCKETS[INFERENCE_SECONDS])


def test_what_cannot_be_added_is_added_the_next_time(ledger):
    counted = Tally()
    counted.add("series", outcome="present")
    taken = counted.take()
    counted.add("series", outcome="present")
    counted.give_back(taken)
    ledger.counts.add(counted.take())
    ledger.counts.add(counted.take())
    assert [each.value for each in ledger.counts.all()] == [2]


def test_counting_makes_no_row_without_need(ledger):
    for _ in range(100):
        counted = Tally()
        counted.add("series", outcome="present")
        ledger.counts.add(counted.take())
    with ledger.database.read() as connection:
        rows = connection.execute(sa.select(counts_table)).all()
    assert len(rows) == 1


def test_destination(ledger):
    """It is known since when a destination answers, or does not."""
    states = ledger.destination_states
    assert states.answered("pacs", is_up=True, detail="C-ECHO: Success", now=NOW) is None
    before = states.answered("pacs", is_up=False, detail="refused", now=NOW + SECOND)
    assert before is not None
    assert before.is_up
    states.answered("pacs", is_up=False, detail="timed out", now=NOW + 9 * SECOND)
    states.answered("old", is_up=True, detail="", now=NOW)
    states.keep_only(["pacs"])
    (state,) = states.all()
    assert (state.is_up, state.since, state.asked_at, state.detail) == (
        False,
        NOW + SECOND,
        NOW + 9 * SECOND,
        "timed out",
    )


def test_newest_measurement(ledger):
    assert ledger.measurements.newest("drift") is None
    ledger.measurements.keep("drift", {"shift": 0.1}, now=NOW)
    ledger.measurements.keep("drift", {"shift": 0.2}, now=NOW + SECOND)
    found = ledger.measurements.newest("drift")
    assert (found.at, found.facts) == (NOW + SECOND, {"shift": 0.2})
