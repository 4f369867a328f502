"""What was read and delivered is forgotten after its time."""

import pytest

from ich_node.ledger import JobState
from tests.support.ledger_examples import LEASE, MAX_WAIT, QUIET, SECOND, T0, add, claim, finish, instance

DAY = 86_400 * SECOND


def sweep(jobs, *, idle_since=T0 + DAY, failed_too=True, limit=9):
    return jobs.sweep_series(idle_since=idle_since, failed_too=failed_too, limit=limit, now=T0 + 2 * DAY)


def deliver(jobs):
    while batch := jobs.claim_deliveries(owner="me", now=T0 + QUIET, lease=LEASE, limit=9):
        jobs.delivered([delivery.id for delivery in batch], owner="me", now=T0 + QUIET)


def test_a_delivered_series_is_forgotten_once(jobs):
    """Its objects and its results' files; the job, the results and the story stay."""
    add(jobs, 1)
    add(jobs, 2)
    job = claim(jobs)
    finish(jobs, job)
    assert sweep(jobs) == [], "nothing was delivered yet"
    deliver(jobs)
    made = [result.path for result in jobs.results(job.id)]
    assert sorted(sweep(jobs)) == sorted([instance(1).path, instance(2).path, *made])
    assert sweep(jobs) == []
    assert jobs.instances(job) == []
    assert (jobs.get(job.id).state, len(jobs.results(job.id)), jobs.events(job.id)[-1].event) == (JobState.DONE, 2, "swept")
    assert jobs.unreferenced(made) == set(made)


def test_what_is_still_needed(jobs):
    """A path is free when neither an object nor an unswept job's result needs it."""
    add(jobs, 1)
    finish(jobs, claim(jobs), destinations=())
    (result, *_) = jobs.results(1)
    assert jobs.unreferenced([instance(1).path, result.path, "other"]) == {"other"}


@pytest.mark.parametrize("failed_too", [True, False])
def test_failed_jobs_go_by_age_alone(jobs, failed_too):
    """Somebody may want to try them again."""
    add(jobs, 1)
    jobs.fail(claim(jobs), now=T0 + QUIET, reason="bug", detail="", retry_at=None)
    assert bool(sweep(jobs, failed_too=failed_too)) == failed_too


def test_a_series_that_goes_on_is_kept_whole(jobs):
    """Its first revision is done, the second one waits."""
    add(jobs, 1)
    finish(jobs, claim(jobs), destinations=())
    add(jobs, 2, at=T0 + 60 * SECOND)
    assert sweep(jobs) == []


def test_the_oldest_go_first(jobs):
    """As many series as asked for."""
    for number in (3, 1, 2):
        add(jobs, series=f"2.25.{number}", at=T0 + number * SECOND)
    while job := claim(jobs, at=T0 + MAX_WAIT):
        finish(jobs, job, destinations=(), count=0)
    assert sweep(jobs, limit=1) == [instance(series="2.25.1").path]
    assert sweep(jobs) == [instance(series="2.25.2").path, instance(series="2.25.3").path]


def test_a_series_is_forgotten_as_a_whole(jobs):
    """Two revisions, the second one swept a month after the first: neither goes before both have had their time."""
    add(jobs, 1)
    finish(jobs, claim(jobs))
    deliver(jobs)
    sweep(jobs)
    add(jobs, 2, at=T0 + 30 * DAY)
    second = claim(jobs, at=T0 + 31 * DAY)
    finish(jobs, second, destinations=())
    assert jobs.prune(swept_before=T0 + 99 * DAY, limit=9) == 0, "the second one has its files"
    jobs.sweep_series(idle_since=T0 + 40 * DAY, failed_too=True, limit=9, now=T0 + 40 * DAY)
    assert jobs.prune(swept_before=T0 + 40 * DAY, limit=9) == 0
    assert [jobs.prune(swept_before=T0 + 41 * DAY, limit=1) for _ in range(3)] == [1, 1, 0]
    assert jobs.list() == []
