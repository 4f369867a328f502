"""Series are looked at while they arrive, and what the network said is remembered."""

from dataclasses import replace

from ich_node.ledger import Answer, Job, Jobs, Lane
from ich_node.ledger.receiving import MOST_ORDINARY_OBJECTS
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim

ANSWER = Answer(
    slab_sha256="s" * 64, bundle_sha256="b" * 64, engine="torch", shift_hu=-2.5, logit=1.25, rows=2, likelihood=b"8 bytes!"
)


def look(jobs: Jobs, at=T0) -> Job | None:
    return jobs.look_at(now=at, until=at + LEASE)


def add_many(jobs, numbers, **other) -> None:
    for number in numbers:
        add(jobs, number, **other)


def test_only_a_series_that_has_grown_is_looked_at(jobs):
    """From four objects on, and again with a quarter more."""
    add_many(jobs, range(3))
    assert look(jobs) is None
    add(jobs, 3)
    job = look(jobs)
    jobs.end_look(job, objects=4, suspected=False)
    assert look(jobs) is None
    add_many(jobs, range(4, 8))
    assert look(jobs).objects == 8


def test_one_process_looks_at_a_time(jobs):
    """Until it says that it is done; one that died over it is followed only after its time."""
    add_many(jobs, range(4))
    job = look(jobs)
    assert look(jobs) is None
    assert look(jobs, at=T0 + LEASE) is None, "ready by now: it is to be read, not looked at"
    add(jobs, 4, at=T0 + LEASE)
    assert look(jobs, at=T0 + LEASE).id == job.id


def test_a_look_that_was_broken_off_begins_anew(jobs):
    """Nothing is counted as looked at."""
    add_many(jobs, range(4))
    job = look(jobs)
    jobs.break_off_look(job)
    assert look(jobs) == job


def test_a_series_that_is_ready_or_was_claimed_is_not_looked_at(jobs):
    """It is the reading's turn."""
    add_many(jobs, range(4))
    assert look(jobs, at=T0 + QUIET) is None
    job = claim(jobs)
    assert not jobs.is_open(job.id)
    assert look(jobs) is None


def test_a_suspected_series_changes_its_lane(jobs):
    """An urgent one stays urgent."""
    add_many(jobs, range(4), series="2.25.1")
    add_many(jobs, range(4), series="2.25.2", urgent=True)
    for _ in range(2):
        jobs.end_look(look(jobs), objects=4, suspected=True)
    assert sorted(job.lane for job in jobs.list()) == [Lane.URGENT, Lane.SUSPECTED]


def test_a_large_series_stays_large_however_suspected(jobs):
    """Nobody waits for it; and a suspected one that becomes large waits like any other."""
    add_many(jobs, range(MOST_ORDINARY_OBJECTS + 1), series="2.25.1")
    jobs.end_look(look(jobs), objects=MOST_ORDINARY_OBJECTS + 1, suspected=True)
    add_many(jobs, range(4), series="2.25.2")
    jobs.end_look(look(jobs), objects=4, suspected=True)
    assert [job.lane for job in jobs.list()] == [Lane.SUSPECTED, Lane.LARGE]
    add_many(jobs, range(4, MOST_ORDINARY_OBJECTS + 1), series="2.25.2")
    assert [job.lane for job in jobs.list()] == [Lane.LARGE, Lane.LARGE]


def test_answers_are_kept_by_slab_bundle_and_engine(jobs):
    """A newer one replaces an older one; another engine's or bundle's stays beside it."""
    add_many(jobs, range(4))
    job = jobs.list()[0]
    others = [replace(ANSWER, engine="openvino"), replace(ANSWER, bundle_sha256="c" * 64)]
    jobs.keep_answers(job, [ANSWER, *others], now=T0)
    newer = replace(ANSWER, shift_hu=-3.0, logit=1.5)
    jobs.keep_answers(job, [newer], now=T0)
    assert jobs.answers(job, bundle_sha256="b" * 64, engine="torch") == [newer]
    assert jobs.answers(job, bundle_sha256="b" * 64, engine="openvino") == [others[0]]


def test_answers_are_forgotten_after_their_time(jobs):
    """Those of later remain."""
    add_many(jobs, range(4))
    job = jobs.list()[0]
    later = replace(ANSWER, slab_sha256="t" * 64)
    jobs.keep_answers(job, [ANSWER], now=T0)
    jobs.keep_answers(job, [later], now=T0 + SECOND)
    assert jobs.forget_answers(made_before=T0 + SECOND) == 1
    assert jobs.answers(job, bundle_sha256="b" * 64, engine="torch") == [later]
