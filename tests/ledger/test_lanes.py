"""Which of the ready series is read first, and what overtakes a reading."""

import pytest

from ich_node.ledger import Lane
from ich_node.ledger.claims import PATIENCE
from ich_node.ledger.receiving import MOST_ORDINARY_OBJECTS
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

READY = T0 + QUIET


def add_large(ledger, series, at=T0) -> None:
    for number in range(MOST_ORDINARY_OBJECTS + 1):
        add(ledger, number, series=series, at=at)


def lanes(ledger) -> dict[str, Lane]:
    return {job.series_instance_uid: job.lane for job in ledger.operator.list()}


def order_of_claims(ledger, at) -> list[str]:
    order = []
    while (job := claim(ledger, at=at)) is not None:
        order.append(job.series_instance_uid)
        finish(ledger, job, at=at)
    return order


def test_lanes_by_what_is_known_of_a_series(ledger):
    """One urgent object makes a series urgent; the hundred-and-first makes it large; all others are
    ordinary.
    """
    add(ledger, 1, series="2.25.1")
    add(ledger, 1, series="2.25.2")
    add(ledger, 2, series="2.25.2", urgent=True)
    add(ledger, 3, series="2.25.2")
    add_large(ledger, "2.25.3")
    assert lanes(ledger) == {"2.25.1": Lane.ORDINARY, "2.25.2": Lane.URGENT, "2.25.3": Lane.LARGE}
    assert {job.series_instance_uid: job.objects for job in ledger.operator.list()} == {
        "2.25.1": 1,
        "2.25.2": 3,
        "2.25.3": MOST_ORDINARY_OBJECTS + 1,
    }


def test_urgent_then_suspected_then_ordinary_then_large(ledger):
    """In each lane the one that has been ready for longest."""
    add_large(ledger, "2.25.1", at=T0 - 3 * SECOND)
    add(ledger, series="2.25.2", at=T0 - 2 * SECOND)
    add(ledger, series="2.25.3", at=T0 - SECOND)
    add(ledger, series="2.25.4")
    add(ledger, series="2.25.5", urgent=True)
    suspected = next(job for job in ledger.operator.list() if job.series_instance_uid == "2.25.4")
    ledger.reading.previews.finish(suspected, objects=1, suspected=True)
    assert order_of_claims(ledger, READY) == ["2.25.5", "2.25.4", "2.25.2", "2.25.3", "2.25.1"]


def test_a_large_series_does_not_wait_for_ever(ledger):
    """After a minute it goes before ordinary ones."""
    add_large(ledger, "2.25.1")
    add(ledger, series="2.25.2")
    assert order_of_claims(ledger, READY + PATIENCE) == ["2.25.1", "2.25.2"]


def test_a_late_slice_keeps_a_large_series_large(ledger):
    """The next revision covers all objects of the ones before."""
    add_large(ledger, "2.25.1")
    finish(ledger, claim(ledger))
    add(ledger, 999, series="2.25.1", at=READY)
    newest = ledger.operator.list()[0]
    assert (newest.revision, newest.lane, newest.objects) == (
        2,
        Lane.LARGE,
        MOST_ORDINARY_OBJECTS + 2,
    )


def test_what_overtakes_a_reading(ledger):
    """A series that is ready in an earlier lane; one that still arrives does not, nor one of the
    same lane.
    """
    add_large(ledger, "2.25.1")
    reading = claim(ledger, at=READY)
    add_large(ledger, "2.25.2")
    assert not ledger.reading.is_overtaken(reading, now=READY)
    add(ledger, series="2.25.3", at=READY)
    assert not ledger.reading.is_overtaken(reading, now=READY)
    assert ledger.reading.is_overtaken(reading, now=READY + QUIET)
    ledger.reading.release(reading, now=READY + QUIET, why="a series of an earlier lane is ready")
    assert claim(ledger, at=READY + QUIET).series_instance_uid == "2.25.3"


def test_a_large_series_that_waited_long_is_overtaken_only_by_urgent_ones(ledger):
    add_large(ledger, "2.25.1")
    reading = claim(ledger, at=READY + PATIENCE)
    add(ledger, series="2.25.2")
    assert not ledger.reading.is_overtaken(reading, now=READY + PATIENCE)
    add(ledger, series="2.25.3", urgent=True)
    assert ledger.reading.is_overtaken(reading, now=READY + PATIENCE)


def test_late_revision_overtakes_nothing_while_its_series_is_read(ledger):
    """An urgent late slice of the series that is being read cannot be read beside it."""
    add(ledger, 1)
    reading = claim(ledger)
    add(ledger, 2, at=T0, urgent=True)
    assert not ledger.reading.is_overtaken(reading, now=READY)
    assert claim(ledger, at=READY) is None


@pytest.mark.parametrize("at", [READY - SECOND, READY + LEASE])
def test_is_any_ready(ledger, at):
    """As a claim at this moment says."""
    add(ledger)
    assert ledger.reading.is_any_ready(now=at) is (claim(ledger, at=at) is not None)
