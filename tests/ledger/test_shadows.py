"""The shadow reads every series that is answered while it runs; and what two bundles answered."""

from datetime import timedelta

from ich_node.answer import Answer
from ich_node.ledger import TABLE, ReadingState, Verdict
from tests.ledger.test_rereading import LATER, READER, answered, ask, sweep, take
from tests.support.ledger_examples import QUIET, T0, add, claim, finish

FIRST = "b" * 64
SHADOW = "e" * 64


def start(ledger, sha256=SHADOW, *, at=T0):
    return ledger.shadows.start(
        path=f"/bundles/{sha256}", sha256=sha256, name="shadow", who="jo", why="trial", now=at
    )


def read_behind(ledger, *answers: Answer) -> None:
    for answer in answers:
        ledger.reading.second_readings.finish(
            take(ledger), now=LATER, answer=answer, series_probability=0.5
        )


def test_what_is_answered_while_it_runs_is_read(ledger):
    """Not what was answered before, nor after; what still waits when it is stopped is left out."""
    answered(ledger, "2.25.1")
    assert start(ledger) is None
    read, waiting = answered(ledger, "2.25.2", "2.25.3")
    read_behind(ledger, Answer.ABSENT)
    assert ledger.rereading.of_job(read)[0].purpose == "shadow"
    assert ledger.shadows.counts(SHADOW) == {ReadingState.DONE: 1, ReadingState.WAITING: 1}
    assert ledger.shadows.newest_counts(SHADOW, most=9) == ledger.shadows.counts(SHADOW)
    assert ledger.shadows.newest_counts(SHADOW, most=1) == {ReadingState.WAITING: 1}
    assert [each.sha256 for each in ledger.comparing.read_beside()] == [SHADOW]
    assert ledger.shadows.stop(now=LATER).bundle_sha256 == SHADOW
    answered(ledger, "2.25.4")
    assert ledger.rereading.of_job(waiting) == []
    assert ledger.shadows.counts(SHADOW) == {ReadingState.DONE: 1}
    assert take(ledger) is None
    assert ledger.shadows.stop(now=LATER) is None
    (kept,) = ledger.shadows.history()
    assert (kept.why, kept.stopped_at) == ("trial", LATER)


def test_another_shadow_takes_its_place(ledger):
    start(ledger)
    assert start(ledger, "f" * 64, at=LATER).bundle_sha256 == SHADOW
    (job_id,) = answered(ledger, "2.25.1")
    assert [each.bundle_sha256 for each in ledger.rereading.of_job(job_id)] == ["f" * 64]


def test_a_series_that_it_has_read_itself_is_not_read_twice(ledger):
    """It was activated; or the series was read again, which are the same objects."""
    start(ledger, FIRST)
    (job_id,) = answered(ledger, "2.25.1")
    assert ledger.rereading.of_job(job_id) == []
    start(ledger)
    ask(ledger, job_id, deliver=True)
    again = ledger.reading.claim_again(owner="a", now=LATER, lease=QUIET, max_attempts=2)
    finish(ledger, again, at=LATER, destinations=(), count=0)
    assert ledger.rereading.of_job(again.id) == []


def test_what_was_swept_unread_is_counted(ledger):
    """No series is kept for the shadow."""
    start(ledger)
    answered(ledger, "2.25.1")
    sweep(ledger)
    assert ledger.shadows.counts(SHADOW) == {ReadingState.SWEPT: 1}


def compared(ledger, a=FIRST, b=SHADOW, **times):
    labels = ledger.verdicts.labels()
    return ledger.comparing.compare(a, b, **{"since": T0, "until": None, "labels": labels} | times)


def test_two_bundles_on_the_same_series(ledger):
    """The answer of a job and a reading beside it; what only one has read is counted."""
    start(ledger)
    first, second, _ = answered(ledger, "2.25.1", "2.25.2", "2.25.3")
    read_behind(ledger, Answer.PRESENT, Answer.ABSENT)
    found = compared(ledger)
    assert (found.read_by_a, found.read_by_b, found.swept) == (3, 2, 0)
    assert [(pair.job_id, pair.a.answer, pair.b.answer) for pair in found.pairs] == [
        (first, Answer.PRESENT, Answer.PRESENT),
        (second, Answer.PRESENT, Answer.ABSENT),
    ]
    assert (found.pairs[1].a.series_probability, found.pairs[1].b.series_probability) == (
        0.875,
        0.5,
    )
    assert compared(ledger, since=T0 + QUIET).pairs == []
    assert compared(ledger, since=T0 - QUIET, until=T0).read_by_a == 0


def test_a_revision_that_replaced_the_first_is_compared_with_it(ledger):
    """They cover the same objects. A late object makes other ones, which only one has read."""
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id, deliver=True)
    again = ledger.reading.claim_again(owner="a", now=LATER, lease=QUIET, max_attempts=2)
    ledger.reading.finish(
        again,
        now=LATER,
        answer=Answer.ABSENT,
        series_probability=0.5,
        bundle_sha256=READER.sha256,
        results=[],
        destinations=[],
    )
    add(ledger, 2, series="2.25.1", at=LATER)
    finish(ledger, claim(ledger, at=LATER + QUIET), at=LATER, destinations=(), count=0)
    (pair,) = compared(ledger, b=READER.sha256).pairs
    assert (pair.job_id, pair.a.job_id, pair.b.job_id) == (job_id, job_id, again.id)


def test_the_verdict_about_the_series_counts(ledger):
    start(ledger)
    (job_id,) = answered(ledger, "2.25.1")
    read_behind(ledger, Answer.ABSENT)
    assert compared(ledger).pairs[0].bleeding is None
    verdict = Verdict(
        job_id=job_id, at=LATER, bleeding=False, type="", who="radiology", origin=TABLE
    )
    ledger.verdicts.record([verdict], by="jo")
    assert compared(ledger).pairs[0].bleeding is False
    ask(ledger, job_id, deliver=True)
    again = ledger.reading.claim_again(owner="a", now=LATER, lease=QUIET, max_attempts=2)
    ledger.reading.finish(
        again,
        now=LATER,
        answer=Answer.ABSENT,
        series_probability=0.5,
        bundle_sha256=READER.sha256,
        results=[],
        destinations=[],
        replaces=[job_id],
    )
    assert compared(ledger).pairs[0].bleeding is False, "it moved to the answer that stands"
    assert compared(ledger, b=READER.sha256).pairs[0].bleeding is False


def test_the_bundles_that_the_ledger_knows(ledger):
    """Activated, shadow, or asked to read again: each once."""
    ledger.activations.activate_bundle(
        path="/one", sha256=FIRST, name="one", who="jo", why="", now=T0
    )
    start(ledger)
    start(ledger, FIRST, at=T0 + timedelta(hours=1))
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id)
    known = {each.sha256: each.name for each in ledger.comparing.known_bundles()}
    assert known == {FIRST: "shadow", SHADOW: "shadow", READER.sha256: "other"}
