"""Which of the ready series is read first, and what overtakes a reading."""

import pytest

from ich_node.ledger import Lane
from ich_node.ledger.reading import PATIENCE
from ich_node.ledger.receiving import MOST_ORDINARY_OBJECTS
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

READY = T0 + QUIET


def add_large(jobs, series, at=T0) -> None:
    for number in range(MOST_ORDINARY_OBJECTS + 1):
        add(jobs, number, series=series, at=at)


def lanes(jobs) -> dict[str, Lane]:
    return {job.series_instance_uid: job.lane for job in jobs.list()}


def order_of_claims(jobs, at) -> list[str]:
    order = []
    while (job := claim(jobs, at=at)) is not None:
        order.append(job.series_instance_uid)
        finish(jobs, job, at=at)
    return order


def test_lanes_by_what_is_known_of_a_series(jobs):
    """One urgent object makes a series urgent; the hundred-and-first makes it large; all others are ordinary."""
    add(jobs, 1, series="2.25.1")
    add(jobs, 1, series="2.25.2")
    add(jobs, 2, series="2.25.2", urgent=True)
    add(jobs, 3, series="2.25.2")
    add_large(jobs, "2.25.3")
    assert lanes(jobs) == {"2.25.1": Lane.ORDINARY, "2.25.2": Lane.URGENT, "2.25.3": Lane.LARGE}
    assert {job.series_instance_uid: job.objects for job in jobs.list()} == {
        "2.25.1": 1,
        "2.25.2": 3,
        "2.25.3": MOST_ORDINARY_OBJECTS + 1,
    }


def test_urgent_then_suspected_then_ordinary_then_large(jobs):
    """In each lane the one that has been ready for longest."""
    add_large(jobs, "2.25.1", at=T0 - 3 * SECOND)
    add(jobs, series="2.25.2", at=T0 - 2 * SECOND)
    add(jobs, series="2.25.3", at=T0 - SECOND)
    add(jobs, series="2.25.4")
    add(jobs, series="2.25.5", urgent=True)
    suspected = next(job for job in jobs.list() if job.series_instance_uid == "2.25.4")
    jobs.end_look(suspected, objects=1, suspected=True)
    assert order_of_claims(jobs, READY) == ["2.25.5", "2.25.4", "2.25.2", "2.25.3", "2.25.1"]


def test_a_large_series_does_not_wait_for_ever(jobs):
    """After a minute it goes before ordinary ones."""
    add_large(jobs, "2.25.1")
    add(jobs, series="2.25.2")
    assert order_of_claims(jobs, READY + PATIENCE) == ["2.25.1", "2.25.2"]


def test_a_late_slice_keeps_a_large_series_large(jobs):
    """The next revision covers all objects of the ones before."""
    add_large(jobs, "2.25.1")
    finish(jobs, claim(jobs))
    add(jobs, 999, series="2.25.1", at=READY)
    newest = jobs.list()[0]
    assert (newest.revision, newest.lane, newest.objects) == (2, Lane.LARGE, MOST_ORDINARY_OBJECTS + 2)


def test_what_overtakes_a_reading(jobs):
    """A series that is ready in an earlier lane; one that still arrives does not, nor one of the same lane."""
    add_large(jobs, "2.25.1")
    reading = claim(jobs, at=READY)
    add_large(jobs, "2.25.2")
    assert not jobs.is_overtaken(reading, now=READY)
    add(jobs, series="2.25.3", at=READY)
    assert not jobs.is_overtaken(reading, now=READY)
    assert jobs.is_overtaken(reading, now=READY + QUIET)
    jobs.release(reading, now=READY + QUIET, why="a series of an earlier lane is ready")
    assert claim(jobs, at=READY + QUIET).series_instance_uid == "2.25.3"


def test_a_large_series_that_waited_long_is_overtaken_only_by_urgent_ones(jobs):
    add_large(jobs, "2.25.1")
    reading = claim(jobs, at=READY + PATIENCE)
    add(jobs, series="2.25.2")
    assert not jobs.is_overtaken(reading, now=READY + PATIENCE)
    add(jobs, series="2.25.3", urgent=True)
    assert jobs.is_overtaken(reading, now=READY + PATIENCE)


def test_late_revision_overtakes_nothing_while_its_series_is_read(jobs):
    """An urgent late slice of the series that is being read cannot be read beside it."""
    add(jobs, 1)
    reading = claim(jobs)
    add(jobs, 2, at=T0, urgent=True)
    assert not jobs.is_overtaken(reading, now=READY)
    assert claim(jobs, at=READY) is None


@pytest.mark.parametrize("at", [READY - SECOND, READY + LEASE])
def test_is_any_ready(jobs, at):
    """As a claim at this moment says."""
    add(jobs)
    assert jobs.is_any_ready(now=at) is (claim(jobs, at=at) is not None)
