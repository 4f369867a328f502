"""What was read and delivered is forgotten after its time."""

import pytest

from ich_node.answer import Answer
from ich_node.ledger import JobState
from tests.support.ledger_examples import (
    LEASE,
    MAX_WAIT,
    QUIET,
    SECOND,
    T0,
    add,
    claim,
    finish,
    instance,
    map_file,
)

DAY = 86_400 * SECOND


def sweep(ledger, *, idle_since=T0 + DAY, failed_too=True, limit=9):
    return ledger.maintenance.sweep_series(
        idle_since=idle_since, failed_too=failed_too, limit=limit, now=T0 + 2 * DAY
    )


def deliver(ledger):
    while batch := ledger.delivery.claim_deliveries(
        owner="me", now=T0 + QUIET, lease=LEASE, limit=9
    ):
        ledger.delivery.delivered([delivery.id for delivery in batch], owner="me", now=T0 + QUIET)


def test_a_delivered_series_is_forgotten_once(ledger):
    """The files of its objects and results; the job, its results and events stay."""
    add(ledger, 1)
    add(ledger, 2)
    job = claim(ledger)
    finish(ledger, job, maps=True)
    assert sweep(ledger) == [], "nothing was delivered yet"
    deliver(ledger)
    made = [result.path for result in ledger.operator.results(job.id)]
    made.append(ledger.maps.of(job.id).path)
    assert sorted(sweep(ledger)) == sorted([instance(1).path, instance(2).path, *made])
    assert sweep(ledger) == []
    assert ledger.operator.instances(job) == []
    assert (
        ledger.operator.get(job.id).state,
        len(ledger.operator.results(job.id)),
        ledger.operator.events(job.id)[-1].event,
    ) == (JobState.DONE, 2, "swept")
    assert ledger.maintenance.unreferenced(made) == set(made)


def test_what_is_still_needed(ledger):
    """A path is free when neither an object nor an unswept job's result needs it."""
    add(ledger, 1)
    finish(ledger, claim(ledger), destinations=(), maps=True)
    (result, *_) = ledger.operator.results(1)
    maps = ledger.maps.of(1).path
    asked = [instance(1).path, result.path, maps, "other"]
    assert ledger.maintenance.unreferenced(asked) == {"other"}


@pytest.mark.parametrize("failed_too", [True, False])
def test_failed_jobs_go_by_age_alone(ledger, failed_too):
    """An operator may retry them."""
    add(ledger, 1)
    ledger.reading.fail(claim(ledger), now=T0 + QUIET, reason="bug", detail="", retry_at=None)
    assert bool(sweep(ledger, failed_too=failed_too)) == failed_too


def test_a_series_that_goes_on_is_kept_whole(ledger):
    """Its first revision is done, the second one waits."""
    add(ledger, 1)
    finish(ledger, claim(ledger), destinations=())
    add(ledger, 2, at=T0 + 60 * SECOND)
    assert sweep(ledger) == []


def test_the_oldest_go_first(ledger):
    """As many series as asked for."""
    for number in (3, 1, 2):
        add(ledger, series=f"2.25.{number}", at=T0 + number * SECOND)
    while job := claim(ledger, at=T0 + MAX_WAIT):
        finish(ledger, job, destinations=(), count=0)
    assert sweep(ledger, limit=1) == [instance(series="2.25.1").path]
    assert sweep(ledger) == [instance(series="2.25.2").path, instance(series="2.25.3").path]


def test_a_series_is_forgotten_as_a_whole(ledger):
    """Two revisions, the second one swept a month after the first: neither goes before both have
    had their time.
    """
    add(ledger, 1)
    finish(ledger, claim(ledger))
    deliver(ledger)
    sweep(ledger)
    add(ledger, 2, at=T0 + 30 * DAY)
    second = claim(ledger, at=T0 + 31 * DAY)
    finish(ledger, second, destinations=(), maps=True)
    assert ledger.maintenance.prune(swept_before=T0 + 99 * DAY, limit=9) == 0, (
        "the second one has its files"
    )
    ledger.maintenance.sweep_series(
        idle_since=T0 + 40 * DAY, failed_too=True, limit=9, now=T0 + 40 * DAY
    )
    assert ledger.maintenance.prune(swept_before=T0 + 40 * DAY, limit=9) == 0
    assert [ledger.maintenance.prune(swept_before=T0 + 41 * DAY, limit=1) for _ in range(3)] == [
        1,
        1,
        0,
    ]
    assert ledger.operator.list() == []
    assert ledger.maps.of(second.id) is None


def test_maps_that_two_revisions_share_stay_for_the_later_one(ledger):
    """A series that came twice with the same bytes may have one file of maps."""
    add(ledger, 1)
    first = claim(ledger)
    finish(ledger, first, destinations=(), maps=True)
    assert map_file(first).path in sweep(ledger)
    add(ledger, 2, at=T0 + 30 * DAY)
    second = claim(ledger, at=T0 + 31 * DAY)
    ledger.reading.finish(
        second,
        now=T0 + 31 * DAY,
        answer=Answer.ABSENT,
        series_probability=0.1,
        bundle_sha256="c" * 64,
        results=(),
        destinations=(),
        map_file=map_file(first),
    )
    assert ledger.maintenance.unreferenced([map_file(first).path]) == set()
    assert ledger.maps.of(second.id) == map_file(first)
