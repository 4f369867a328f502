"""The operator lists, retries, cancels and closes jobs."""

import pytest

from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState, JobState
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

NOW = T0 + 1000 * SECOND


def bring_to(ledger, state):
    """Job 1, in that state."""
    add(ledger)
    if state is JobState.CANCELLED:
        ledger.operator.cancel(1, now=T0)
    if state in (JobState.WAITING, JobState.CANCELLED):
        return
    job = claim(ledger)
    if state is JobState.DONE:
        finish(ledger, job)
    elif state is JobState.REFUSED:
        ledger.reading.refuse(job, now=T0 + QUIET, reason="not_head", detail="a chest")
    elif state is JobState.FAILED:
        ledger.reading.fail(job, now=T0 + QUIET, reason="bug", detail="ValueError", retry_at=None)
    elif state is JobState.SET_ASIDE:
        ledger.reading.set_aside(job, now=T0 + QUIET, in_favour_of=7, detail="job 7 is read")
    elif state is JobState.HELD:
        until = T0 + 100 * SECOND
        ledger.reading.hold(job, now=T0 + QUIET, until=until, rule="qa", detail="a phantom")


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.REFUSED, JobState.CANCELLED])
def test_retry_reads_again(ledger, state):
    """What was not read can be tried again at once, with all its tries; a report would bear the
    first claim's time.
    """
    bring_to(ledger, state)
    content_at = ledger.operator.get(1).content_at
    ledger.operator.retry(1, now=NOW)
    waiting = ledger.operator.get(1)
    assert (waiting.state, waiting.attempts, waiting.ready_at) == (JobState.WAITING, 0, NOW)
    assert (waiting.reason, waiting.detail) == (None, None)
    job = claim(ledger, at=NOW)
    assert (job.attempts, job.content_at) == (1, content_at or NOW)


def test_retry_delivers_again(ledger):
    """Failed deliveries of a finished job are owed again, with a fresh count and a fresh 24 hours;
    what was sent stays sent.
    """
    bring_to(ledger, JobState.DONE)
    sr, overlay = ledger.delivery.claim_deliveries(owner="host:1", now=NOW, lease=LEASE, limit=9)
    ledger.delivery.delivered([sr.id], owner="host:1", now=NOW)
    ledger.delivery.give_up([overlay.id], owner="host:1", now=NOW, detail="unreachable")
    ledger.operator.retry(1, now=NOW + SECOND)
    assert ledger.operator.get(1).state is JobState.DONE
    assert [
        (delivery.state, delivery.attempts, delivery.first_at)
        for delivery in ledger.operator.deliveries(1)
    ] == [
        (DeliveryState.SENT, 1, T0 + QUIET),
        (DeliveryState.PENDING, 1, NOW + SECOND),
    ]
    assert ledger.operator.events(1)[-1].detail == "by hand: 1 object to deliver again"


def test_cancel(ledger):
    """A cancelled job is not read."""
    bring_to(ledger, JobState.CANCELLED)
    assert claim(ledger, at=NOW) is None


def test_close(ledger):
    """A closed job is read now, without the quiet time."""
    bring_to(ledger, JobState.WAITING)
    ledger.operator.close(1, now=T0 + SECOND)
    assert claim(ledger, at=T0 + SECOND).id == 1


@pytest.mark.parametrize(
    ("action", "state", "words"),
    [
        ("retry", JobState.WAITING, "job 1 is waiting: there is nothing to try again"),
        ("retry", JobState.READING, "job 1 is reading: there is nothing to try again"),
        ("retry", JobState.DONE, "job 1 is done: there is nothing to try again"),
        *(
            ("cancel", state, f"job 1 is {state.words}: only a waiting job can be cancelled")
            for state in JobState
            if state not in (JobState.WAITING, JobState.HELD)  # see test_holds.py
        ),
        *(
            ("close", state, f"job 1 is {state.words}: only a waiting job can be closed")
            for state in JobState
            if state not in (JobState.WAITING, JobState.HELD)  # see test_holds.py
        ),
    ],
)
def test_what_cannot_be_done_is_said(ledger, action, state, words):
    """An action that the state does not allow changes nothing, and the error says why."""
    bring_to(ledger, state)
    before = (ledger.operator.get(1), ledger.operator.deliveries(1), ledger.operator.events(1))
    with pytest.raises(ConfigError, match=words):
        getattr(ledger.operator, action)(1, now=NOW)
    assert (
        ledger.operator.get(1),
        ledger.operator.deliveries(1),
        ledger.operator.events(1),
    ) == before


@pytest.mark.parametrize("action", ["retry", "cancel", "close"])
def test_no_such_job(ledger, action):
    """The error names the number of a job that does not exist."""
    with pytest.raises(ConfigError, match="there is no job 7"):
        getattr(ledger.operator, action)(7, now=NOW)
    assert ledger.operator.get(7) is None


def test_list(ledger):
    """The newest jobs come first, as many as asked for, in one state if asked for."""
    for number in range(4):
        add(ledger, series=f"2.25.{number}")
    ledger.operator.cancel(2, now=T0)
    assert [job.id for job in ledger.operator.list()] == [4, 3, 2, 1]
    assert [job.id for job in ledger.operator.list(limit=2)] == [4, 3]
    assert [job.id for job in ledger.operator.list(state=JobState.CANCELLED)] == [2]
