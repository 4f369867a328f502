"""Series are looked at while they arrive, and what the network said is remembered."""

from dataclasses import replace

from ich_node.ledger import Job, Lane, Ledger, NetworkAnswer
from ich_node.ledger.receiving import MOST_ORDINARY_OBJECTS
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim

ANSWER = NetworkAnswer(
    slab_sha256="s" * 64,
    bundle_sha256="b" * 64,
    engine="torch",
    shift_hu=-2.5,
    logit=1.25,
    rows=2,
    likelihood=b"8 bytes!",
)


def look(ledger: Ledger, at=T0) -> Job | None:
    return ledger.reading.previews.claim(now=at, until=at + LEASE)


def add_many(ledger, numbers, **other) -> None:
    for number in numbers:
        add(ledger, number, **other)


def test_only_a_series_that_has_grown_is_looked_at(ledger):
    """From four objects on, and again with a quarter more."""
    add_many(ledger, range(3))
    assert look(ledger) is None
    add(ledger, 3)
    job = look(ledger)
    ledger.reading.previews.finish(job, objects=4, suspected=False)
    assert look(ledger) is None
    add_many(ledger, range(4, 8))
    assert look(ledger).objects == 8


def test_one_process_looks_at_a_time(ledger):
    """Until it says that it is done; one that died over it is followed only after its time."""
    add_many(ledger, range(4))
    job = look(ledger)
    assert look(ledger) is None
    assert look(ledger, at=T0 + LEASE) is None, "ready by now: it is to be read, not looked at"
    add(ledger, 4, at=T0 + LEASE)
    assert look(ledger, at=T0 + LEASE).id == job.id


def test_a_look_that_was_broken_off_begins_anew(ledger):
    """Nothing is counted as looked at."""
    add_many(ledger, range(4))
    job = look(ledger)
    ledger.reading.previews.release(job)
    assert look(ledger) == job


def test_a_series_that_is_ready_or_was_claimed_is_not_looked_at(ledger):
    """It is the reading's turn."""
    add_many(ledger, range(4))
    assert look(ledger, at=T0 + QUIET) is None
    job = claim(ledger)
    assert not ledger.reading.previews.is_open(job.id)
    assert look(ledger) is None


def test_a_suspected_series_changes_its_lane(ledger):
    """An urgent one stays urgent."""
    add_many(ledger, range(4), series="2.25.1")
    add_many(ledger, range(4), series="2.25.2", urgent=True)
    for _ in range(2):
        ledger.reading.previews.finish(look(ledger), objects=4, suspected=True)
    assert sorted(job.lane for job in ledger.operator.list()) == [Lane.URGENT, Lane.SUSPECTED]


def test_a_large_series_stays_large_however_suspected(ledger):
    """Nobody waits for it; and a suspected one that becomes large waits like any other."""
    add_many(ledger, range(MOST_ORDINARY_OBJECTS + 1), series="2.25.1")
    ledger.reading.previews.finish(look(ledger), objects=MOST_ORDINARY_OBJECTS + 1, suspected=True)
    add_many(ledger, range(4), series="2.25.2")
    ledger.reading.previews.finish(look(ledger), objects=4, suspected=True)
    assert [job.lane for job in ledger.operator.list()] == [Lane.SUSPECTED, Lane.LARGE]
    add_many(ledger, range(4, MOST_ORDINARY_OBJECTS + 1), series="2.25.2")
    assert [job.lane for job in ledger.operator.list()] == [Lane.LARGE, Lane.LARGE]


def test_answers_are_kept_by_slab_bundle_and_engine(ledger):
    """A newer one replaces an older one; another engine's or bundle's stays beside it."""
    add_many(ledger, range(4))
    job = ledger.operator.list()[0]
    others = [replace(ANSWER, engine="openvino"), replace(ANSWER, bundle_sha256="c" * 64)]
    ledger.reading.previews.keep_answers(job, [ANSWER, *others], now=T0)
    newer = replace(ANSWER, shift_hu=-3.0, logit=1.5)
    ledger.reading.previews.keep_answers(job, [newer], now=T0)
    assert ledger.reading.previews.answers(job, bundle_sha256="b" * 64, engine="torch") == [newer]
    assert ledger.reading.previews.answers(job, bundle_sha256="b" * 64, engine="openvino") == [
        others[0]
    ]


def test_answers_are_forgotten_after_their_time(ledger):
    """Those of later remain."""
    add_many(ledger, range(4))
    job = ledger.operator.list()[0]
    later = replace(ANSWER, slab_sha256="t" * 64)
    ledger.reading.previews.keep_answers(job, [ANSWER], now=T0)
    ledger.reading.previews.keep_answers(job, [later], now=T0 + SECOND)
    assert ledger.maintenance.forget_answers(made_before=T0 + SECOND) == 1
    assert ledger.reading.previews.answers(job, bundle_sha256="b" * 64, engine="torch") == [later]
