"""Previews of series that still arrive, and the answers of the network that are kept."""

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


def preview(ledger: Ledger, at=T0) -> Job | None:
    return ledger.reading.previews.claim(now=at, until=at + LEASE)


def add_many(ledger, numbers, **other) -> None:
    for number in numbers:
        add(ledger, number, **other)


def test_only_a_series_that_has_grown_gets_a_preview(ledger):
    """From four objects on, and again with a quarter more."""
    add_many(ledger, range(3))
    assert preview(ledger) is None
    add(ledger, 3)
    job = preview(ledger)
    ledger.reading.previews.finish(job, objects=4, suspected=False)
    assert preview(ledger) is None
    add_many(ledger, range(4, 8))
    assert preview(ledger).objects == 8


def test_a_preview_is_made_by_one_process_at_a_time(ledger):
    """If it crashes, no other process tries before its time is over."""
    add_many(ledger, range(4))
    job = preview(ledger)
    assert preview(ledger) is None
    assert preview(ledger, at=T0 + LEASE) is None, "it is ready by now: to be read"
    add(ledger, 4, at=T0 + LEASE)
    assert preview(ledger, at=T0 + LEASE).id == job.id


def test_a_preview_that_was_released_begins_anew(ledger):
    """No object counts as covered by a preview."""
    add_many(ledger, range(4))
    job = preview(ledger)
    ledger.reading.previews.release(job)
    assert preview(ledger) == job


def test_a_series_that_is_ready_or_was_claimed_gets_no_preview(ledger):
    """It is to be read as a whole."""
    add_many(ledger, range(4))
    assert preview(ledger, at=T0 + QUIET) is None
    job = claim(ledger)
    assert not ledger.reading.previews.is_open(job.id)
    assert preview(ledger) is None


def test_a_suspected_series_changes_its_lane(ledger):
    """An urgent one stays urgent."""
    add_many(ledger, range(4), series="2.25.1")
    add_many(ledger, range(4), series="2.25.2", urgent=True)
    for _ in range(2):
        ledger.reading.previews.finish(preview(ledger), objects=4, suspected=True)
    assert sorted(job.lane for job in ledger.operator.list()) == [Lane.URGENT, Lane.SUSPECTED]


def test_a_large_series_stays_large_however_suspected(ledger):
    """A suspected series that becomes large leaves the suspected lane."""
    add_many(ledger, range(MOST_ORDINARY_OBJECTS + 1), series="2.25.1")
    ledger.reading.previews.finish(
        preview(ledger), objects=MOST_ORDINARY_OBJECTS + 1, suspected=True
    )
    add_many(ledger, range(4), series="2.25.2")
    ledger.reading.previews.finish(preview(ledger), objects=4, suspected=True)
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
    """Later answers stay."""
    add_many(ledger, range(4))
    job = ledger.operator.list()[0]
    later = replace(ANSWER, slab_sha256="t" * 64)
    ledger.reading.previews.keep_answers(job, [ANSWER], now=T0)
    ledger.reading.previews.keep_answers(job, [later], now=T0 + SECOND)
    assert ledger.maintenance.forget_answers(made_before=T0 + SECOND) == 1
    assert ledger.reading.previews.answers(job, bundle_sha256="b" * 64, engine="torch") == [later]
