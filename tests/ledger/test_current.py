"""What the node does now: what arrives, waits in which lane, is read, sent, and what came of it."""

from datetime import timedelta

from ich_node.answer import Answer
from ich_node.ledger import JobState, Lane
from ich_node.ledger.current import Arriving, BeingRead, BeingSent, LastObject, Queue
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

HOUR = timedelta(hours=1)


def test_nothing_is_going_on_in_a_new_ledger(ledger):
    current = ledger.current
    assert current.arriving(T0, limit=5) == []
    assert current.last_object() is None
    assert current.queues(T0) == []
    assert current.being_read() == []
    assert current.being_sent() == []
    assert current.newest_outcomes(limit=5) == []
    assert current.outcomes_since(T0, limit=5) == []


def test_series_goes_from_arriving_to_its_outcome(ledger):
    """Each step is seen as long as it lasts, and no longer."""
    current, done_at = ledger.current, T0 + QUIET + 5 * SECOND
    add(ledger, 1)
    add(ledger, 2, at=T0 + SECOND)
    assert current.arriving(T0 + 2 * SECOND, limit=5) == [
        Arriving(
            id=1,
            series_instance_uid="2.25.1",
            source="ct",
            objects=2,
            first_received_at=T0,
            last_received_at=T0 + SECOND,
            ready_at=T0 + SECOND + QUIET,
        )
    ]
    assert current.queues(T0 + 2 * SECOND) == []
    assert current.last_object() == LastObject(received_at=T0 + SECOND, source="ct")

    ready_at = T0 + SECOND + QUIET
    assert current.arriving(ready_at, limit=5) == []
    assert current.queues(ready_at) == [Queue(lane=Lane.ORDINARY, jobs=1, oldest=ready_at)]

    job = claim(ledger, at=ready_at)
    assert current.queues(ready_at) == []
    assert current.being_read() == [
        BeingRead(
            id=1,
            series_instance_uid="2.25.1",
            source="ct",
            objects=2,
            lane=Lane.ORDINARY,
            owner="host:1",
            since=ready_at,
        )
    ]

    finish(ledger, job, at=done_at)
    assert current.being_read() == []
    [outcome] = current.newest_outcomes(limit=5)
    assert (outcome.id, outcome.state, outcome.ended_at) == (1, JobState.DONE, done_at)
    assert outcome.seconds == (done_at - T0 - SECOND).total_seconds()
    assert current.outcomes_since(T0, limit=5) == [outcome]
    assert current.outcomes_since(T0 + SECOND, limit=5) == []

    sent = ledger.delivery.claim_deliveries(owner="host:2", now=done_at, lease=LEASE, limit=1)
    assert current.being_sent() == [BeingSent(destination="pacs", objects=len(sent))]


def test_lanes_are_told_apart(ledger):
    """The urgent one first; each with its oldest."""
    add(ledger, series="2.25.1")
    add(ledger, series="2.25.2", at=T0 + SECOND)
    add(ledger, series="2.25.3", at=T0 + 2 * SECOND, urgent=True)
    queues = ledger.current.queues(T0 + HOUR)
    assert [(queue.lane, queue.jobs) for queue in queues] == [(Lane.URGENT, 1), (Lane.ORDINARY, 2)]
    assert queues[1].oldest == T0 + QUIET


def test_newest_outcomes_come_first_whatever_they_are(ledger):
    """Answers, refusals and failures are one list, by the time of their end."""
    for number in range(1, 6):
        add(ledger, series=f"2.25.{number}", at=T0 + number * SECOND)
    at = T0 + HOUR
    jobs = [claim(ledger, at=at, owner=f"host:{number}") for number in range(5)]
    ledger.reading.refuse(jobs[0], now=at + 3 * SECOND, reason="bone_kernel", detail="")
    ledger.reading.fail(jobs[1], now=at + 2 * SECOND, reason="crashed", detail="", retry_at=None)
    for number, job in enumerate(jobs[2:4]):
        ledger.reading.finish(
            job,
            now=at + (4 + number) * SECOND,
            answer=Answer.PRESENT,
            series_probability=0.9,
            bundle_sha256="b",
            results=(),
            destinations=(),
        )
    newest = ledger.current.newest_outcomes(limit=3)
    assert [(each.id, each.state) for each in newest] == [
        (4, JobState.DONE),
        (3, JobState.DONE),
        (1, JobState.REFUSED),
    ]
    assert (newest[2].reason, newest[0].answer) == ("bone_kernel", Answer.PRESENT)
    assert {each.id for each in ledger.current.outcomes_since(T0, limit=9)} == {1, 2, 3, 4}
    assert {each.id for each in ledger.current.outcomes_since(T0, limit=2)} == {4}
