"""The operator looks and steps in."""

import pytest

from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState, JobState
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

NOW = T0 + 1000 * SECOND


def bring_to(jobs, state):
    """Job 1, in that state."""
    add(jobs)
    if state is JobState.CANCELLED:
        jobs.cancel(1, now=T0)
    if state in (JobState.WAITING, JobState.CANCELLED):
        return
    job = claim(jobs)
    if state is JobState.DONE:
        finish(jobs, job)
    elif state is JobState.REFUSED:
        jobs.refuse(job, now=T0 + QUIET, reason="not_head", detail="a chest")
    elif state is JobState.FAILED:
        jobs.fail(job, now=T0 + QUIET, reason="bug", detail="ValueError", retry_at=None)


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.REFUSED, JobState.CANCELLED])
def test_retry_reads_again(jobs, state):
    """What was not read can be tried again at once, with all its tries; a report would bear the first claim's time."""
    bring_to(jobs, state)
    content_at = jobs.get(1).content_at
    jobs.retry(1, now=NOW)
    waiting = jobs.get(1)
    assert (waiting.state, waiting.attempts, waiting.ready_at) == (JobState.WAITING, 0, NOW)
    assert (waiting.reason, waiting.detail) == (None, None)
    job = claim(jobs, at=NOW)
    assert (job.attempts, job.content_at) == (1, content_at or NOW)


def test_retry_delivers_again(jobs):
    """Failed deliveries of a finished job are owed again, with a fresh count and a fresh 24 hours; what was sent stays sent."""
    bring_to(jobs, JobState.DONE)
    sr, overlay = jobs.claim_deliveries(owner="host:1", now=NOW, lease=LEASE, limit=9)
    jobs.delivered([sr.id], owner="host:1", now=NOW)
    jobs.give_up([overlay.id], owner="host:1", now=NOW, detail="unreachable")
    jobs.retry(1, now=NOW + SECOND)
    assert jobs.get(1).state is JobState.DONE
    assert [(delivery.state, delivery.attempts, delivery.first_at) for delivery in jobs.deliveries(1)] == [
        (DeliveryState.SENT, 1, T0 + QUIET),
        (DeliveryState.PENDING, 0, NOW + SECOND),
    ]
    assert jobs.events(1)[-1].detail == "by hand: 1 objects to deliver again"


def test_cancel(jobs):
    """A cancelled job is not read."""
    bring_to(jobs, JobState.CANCELLED)
    assert claim(jobs, at=NOW) is None


def test_close(jobs):
    """A closed job is read now, without the quiet time."""
    bring_to(jobs, JobState.WAITING)
    jobs.close(1, now=T0 + SECOND)
    assert claim(jobs, at=T0 + SECOND).id == 1


@pytest.mark.parametrize(
    ("action", "state", "words"),
    [
        ("retry", JobState.WAITING, "job 1 is waiting: there is nothing to try again"),
        ("retry", JobState.READING, "job 1 is reading: there is nothing to try again"),
        ("retry", JobState.DONE, "job 1 is done: there is nothing to try again"),
        *(
            ("cancel", state, f"job 1 is {state.lower()}: only a waiting job can be cancelled")
            for state in JobState
            if state is not JobState.WAITING
        ),
        *(
            ("close", state, f"job 1 is {state.lower()}: only a waiting job can be closed")
            for state in JobState
            if state is not JobState.WAITING
        ),
    ],
)
def test_what_cannot_be_done_is_said(jobs, action, state, words):
    """A step that the state does not allow changes nothing and says why."""
    bring_to(jobs, state)
    before = (jobs.get(1), jobs.deliveries(1), jobs.events(1))
    with pytest.raises(ConfigError, match=words):
        getattr(jobs, action)(1, now=NOW)
    assert (jobs.get(1), jobs.deliveries(1), jobs.events(1)) == before


@pytest.mark.parametrize("action", ["retry", "cancel", "close"])
def test_no_such_job(jobs, action):
    """A number that is not in the ledger is said to be none."""
    with pytest.raises(ConfigError, match="there is no job 7"):
        getattr(jobs, action)(7, now=NOW)
    assert jobs.get(7) is None


def test_list(jobs):
    """The newest jobs come first, as many as asked for, in one state if asked for."""
    for number in range(4):
        add(jobs, series=f"2.25.{number}")
    jobs.cancel(2, now=T0)
    assert [job.id for job in jobs.list()] == [4, 3, 2, 1]
    assert [job.id for job in jobs.list(limit=2)] == [4, 3]
    assert [job.id for job in jobs.list(state=JobState.CANCELLED)] == [2]
    assert jobs.counts() == dict.fromkeys(JobState, 0) | {JobState.WAITING: 3, JobState.CANCELLED: 1}
