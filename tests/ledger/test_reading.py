"""Jobs are claimed, held and ended."""

from collections import Counter

import pytest
from sqlalchemy.exc import IntegrityError

from ich_node.answer import Answer
from ich_node.ledger import DeliveryState, JobState, LeaseLost
from tests.support.ledger_examples import (
    LEASE,
    QUIET,
    SECOND,
    T0,
    add,
    claim,
    claim_until_empty,
    finish,
    processes,
    results,
)

READY = T0 + QUIET

ENDS = {
    "renew": lambda ledger, job, at: ledger.reading.renew(job, now=at, lease=LEASE),
    "release": lambda ledger, job, at: ledger.reading.release(job, now=at),
    "finish": lambda ledger, job, at: finish(ledger, job, at=at),
    "refuse": lambda ledger, job, at: ledger.reading.refuse(
        job, now=at, reason="not_head", detail="a chest"
    ),
    "fail": lambda ledger, job, at: ledger.reading.fail(
        job, now=at, reason="bug", detail="ValueError", retry_at=None
    ),
    "try again": lambda ledger, job, at: ledger.reading.fail(
        job, now=at, reason="bug", detail="ValueError", retry_at=at
    ),
}


def test_not_before_it_is_ready(ledger):
    """A series that still arrives is not read."""
    add(ledger)
    assert claim(ledger, at=READY - SECOND) is None
    assert claim(ledger, at=READY).id == 1


def test_longest_ready_first(ledger):
    """Jobs are read in the order in which they became ready."""
    add(ledger, series="2.25.1", at=T0 + 3 * SECOND)
    add(ledger, series="2.25.2", at=T0 + 1 * SECOND)
    add(ledger, series="2.25.3", at=T0 + 2 * SECOND)
    claimed = [claim(ledger, at=T0 + 60 * SECOND, owner=f"host:{number}") for number in range(4)]
    assert [job and job.series_instance_uid for job in claimed] == [
        "2.25.2",
        "2.25.3",
        "2.25.1",
        None,
    ]


def test_claim(ledger):
    """A claim names the owner, counts the try, sets the lease and fixes the time that the report
    will bear.
    """
    add(ledger)
    job = claim(ledger, at=READY, owner="host:7")
    assert (job.state, job.attempts, job.lease_owner, job.lease_until) == (
        JobState.READING,
        1,
        "host:7",
        READY + LEASE,
    )
    assert job.content_at == READY
    assert ledger.operator.get(job.id) == job


def test_expired_lease(ledger):
    """When an analyser dies its job goes to another one after the lease, with the same content
    time.
    """
    add(ledger)
    first = claim(ledger, owner="host:1")
    assert claim(ledger, at=READY + LEASE - SECOND, owner="host:2") is None
    second = claim(ledger, at=READY + LEASE, owner="host:2")
    assert (second.id, second.attempts, second.lease_owner, second.content_at) == (
        first.id,
        2,
        "host:2",
        first.content_at,
    )


def test_renewed_lease(ledger):
    """A slow reading keeps its job by renewing the lease."""
    add(ledger)
    job = claim(ledger)
    ledger.reading.renew(job, now=READY + 50 * SECOND, lease=LEASE)
    assert claim(ledger, at=READY + LEASE, owner="host:2") is None
    assert ledger.operator.get(job.id).lease_until == READY + 50 * SECOND + LEASE
    finish(ledger, job)
    assert ledger.operator.get(job.id).state is JobState.DONE


@pytest.mark.parametrize("owner", ["host:1", "host:2"])
@pytest.mark.parametrize("end", ENDS)
def test_stale_worker_writes_nothing(ledger, end, owner):
    """A claim whose lease was taken over, by another process or by itself, gets LeaseLost; the job
    stays with its new holder.
    """
    add(ledger)
    stale = claim(ledger, owner="host:1")
    current = claim(ledger, at=READY + LEASE, owner=owner)
    with pytest.raises(LeaseLost, match="job 1 is no longer held"):
        ENDS[end](ledger, stale, READY + LEASE)
    assert ledger.operator.get(current.id) == current
    assert ledger.operator.results(current.id) == []
    ENDS[end](ledger, current, READY + LEASE)


@pytest.mark.parametrize("second", ENDS)
@pytest.mark.parametrize("first", [end for end in ENDS if end != "renew"])
def test_a_job_ends_once(ledger, first, second):
    """After a reading has ended it cannot end again."""
    add(ledger)
    job = claim(ledger)
    ENDS[first](ledger, job, READY)
    before = ledger.operator.get(job.id)
    with pytest.raises(LeaseLost):
        ENDS[second](ledger, job, READY)
    assert ledger.operator.get(job.id) == before


def test_finish(ledger):
    """DONE comes with the answer, the results and one delivery of each result to each
    destination.
    """
    add(ledger)
    job = claim(ledger)
    finish(ledger, job, at=READY + SECOND, destinations=("pacs", "archive"))
    done = ledger.operator.get(job.id)
    assert (done.state, done.answer, done.series_probability) == (
        JobState.DONE,
        Answer.PRESENT,
        0.875,
    )
    assert (done.bundle_sha256, done.lease_owner, done.lease_until) == ("b" * 64, None, None)
    assert ledger.operator.results(job.id) == results(job)
    owed = ledger.operator.deliveries(job.id)
    assert [(delivery.destination, delivery.kind) for delivery in owed] == [
        ("pacs", "sr"), ("archive", "sr"), ("pacs", "overlay"), ("archive", "overlay"),
    ]  # fmt: skip
    assert {
        (delivery.state, delivery.attempts, delivery.next_at, delivery.first_at)
        for delivery in owed
    } == {(DeliveryState.PENDING, 0, READY + SECOND, READY + SECOND)}


def test_finish_is_one_transaction(ledger):
    """If a result cannot be recorded the job is not done: no state without its results."""
    add(ledger)
    job = claim(ledger)
    (result,) = results(job, 1)
    with pytest.raises(IntegrityError, match="results"):
        ledger.reading.finish(
            job,
            now=READY,
            answer=Answer.ABSENT,
            series_probability=0.1,
            bundle_sha256="b" * 64,
            results=[result, result],
            destinations=["pacs"],
        )
    assert ledger.operator.get(job.id) == job
    assert ledger.operator.results(job.id) == ledger.operator.deliveries(job.id) == []


def test_older_revision_still_finishes(ledger):
    """A reading that a late slice overtook is still reported; the next revision follows it, never
    beside it.
    """
    add(ledger, 1)
    first = claim(ledger)
    add(ledger, 2, at=READY)
    assert claim(ledger, at=READY + QUIET, owner="host:2") is None
    finish(ledger, first)
    second = claim(ledger, at=READY + QUIET, owner="host:2")
    assert (second.revision, ledger.operator.get(first.id).state) == (2, JobState.DONE)


def test_refuse(ledger):
    """A refusal is an answer: it keeps its reason and is not tried again."""
    add(ledger)
    job = claim(ledger)
    ledger.reading.refuse(
        job, now=READY, reason="not_head", detail="The series does not show a head."
    )
    refused = ledger.operator.get(job.id)
    assert (refused.state, refused.reason, refused.detail) == (
        JobState.REFUSED,
        "not_head",
        "The series does not show a head.",
    )
    assert claim(ledger, at=READY + 9 * LEASE) is None


def test_fail_is_tried_again_until_the_tries_are_used_up(ledger):
    """A failed try comes back at the given time with its count, and the last one allowed is the
    end.
    """
    add(ledger)
    at = READY
    for attempt in (1, 2, 3):
        job = claim(ledger, at=at, max_attempts=3)
        assert (job.attempts, job.content_at) == (attempt, READY)
        ledger.reading.fail(
            job, now=at, reason="bug", detail="ValueError", retry_at=at + 30 * SECOND
        )
        assert claim(ledger, at=at + 29 * SECOND) is None
        at += 30 * SECOND
    failed = ledger.operator.get(1)
    assert (failed.state, failed.reason, failed.detail) == (JobState.FAILED, "bug", "ValueError")
    assert claim(ledger, at=at + 9 * LEASE) is None


def test_release_does_not_count(ledger):
    """A process that is asked to stop gives its job back, and another may claim it at once."""
    add(ledger)
    ledger.reading.release(claim(ledger), now=READY)
    job = claim(ledger, owner="host:2")
    assert (job.attempts, job.lease_owner) == (1, "host:2")


def test_poison_does_not_block_the_queue(ledger):
    """A series that crashes the analyser on every attempt is FAILED, and the next claim gets the
    series behind it.
    """
    add(ledger, series="2.25.1")
    add(ledger, series="2.25.2", at=T0 + 300 * SECOND)
    at = READY
    for _ in range(3):
        assert claim(ledger, at=at, max_attempts=3).series_instance_uid == "2.25.1"
        at += LEASE
    assert claim(ledger, at=T0 + 400 * SECOND, max_attempts=3).series_instance_uid == "2.25.2"
    poison = ledger.operator.get(1)
    assert (poison.state, poison.reason, poison.attempts) == (JobState.FAILED, "crashed", 3)


def test_poison_does_not_block_its_next_revision(ledger):
    """A late slice of a series that crashed its reader gets its own reading after the crashed one
    is buried.
    """
    add(ledger, 1)
    claim(ledger, max_attempts=1)
    add(ledger, 2, at=READY)
    job = claim(ledger, at=READY + LEASE, max_attempts=1)
    assert (job.revision, ledger.operator.get(1).state) == (2, JobState.FAILED)


def test_journal(ledger):
    """The events of a job are in order."""
    add(ledger)
    ledger.reading.release(claim(ledger), now=READY)
    job = claim(ledger, at=READY + SECOND)
    ledger.reading.fail(
        job, now=READY + SECOND, reason="bug", detail="ValueError", retry_at=READY + 2 * SECOND
    )
    job = claim(ledger, at=READY + 2 * SECOND, owner="host:2")
    finish(ledger, job, at=READY + 3 * SECOND)
    assert [
        (line.at - READY, line.event, line.detail) for line in ledger.operator.events(job.id)
    ] == [
        (-QUIET, "received", "first object of revision 1, from ct"),
        (0 * SECOND, "claimed", "try 1, by host:1"),
        (0 * SECOND, "released", "by host:1: the process stops"),
        (1 * SECOND, "claimed", "try 1, by host:1"),
        (1 * SECOND, "try failed", "bug: ValueError"),
        (2 * SECOND, "claimed", "try 2, by host:2"),
        (3 * SECOND, "done", "2 results for pacs"),
    ]


def test_six_processes_share_200_jobs(url, ledger):
    """Each of 200 jobs is claimed by exactly one of six analysers."""
    for number in range(200):
        add(ledger, series=f"2.25.{number + 1}")
    with processes(6) as pool:
        claimed = list(
            pool.map(claim_until_empty, [url] * 6, [f"host:{number}" for number in range(6)])
        )
    times_claimed = Counter(job_id for ids in claimed for job_id in ids)
    assert times_claimed == dict.fromkeys(range(1, 201), 1)
    assert [job.state for job in ledger.operator.list(limit=201)] == [JobState.DONE] * 200
