"""Reading again: what can be asked for, what an analyser is handed, what becomes of it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import (
    JobState,
    Lane,
    LeaseLost,
    NewReader,
    NotReread,
    ReadingState,
    Wanted,
)
from ich_node.ledger.second_readings import MOST_ATTEMPTS
from ich_node.ledger.tables import jobs
from tests.support.ledger_examples import LEASE, QUIET, T0, add, claim, finish

LATER = T0 + timedelta(days=1)
READER = NewReader(name="other", sha256="c" * 64, path="/bundles/other")
FIRST = "b" * 64  # what `finish` says has read


def answered(ledger, *series: str) -> list[int]:
    """These series, each with an answer that was told; their jobs."""
    ids = []
    for each in series:
        add(ledger, series=each)
        job = claim(ledger)
        finish(ledger, job, destinations=())
        ids.append(job.id)
    return ids


def plan(ledger, *job_ids: int, sha256=READER.sha256, deliver=False, **times):
    return ledger.rereading.plan(Wanted(job_ids=job_ids, **times), sha256=sha256, deliver=deliver)


def ask(ledger, *job_ids: int, deliver=False, reader=READER) -> int:
    asked = plan(ledger, *job_ids, sha256=reader.sha256, deliver=deliver)
    return ledger.rereading.ask(asked, reader, deliver=deliver, who="jo", now=LATER)


def take(ledger, *, at=LATER, owner="host:1"):
    return ledger.reading.second_readings.claim(owner=owner, now=at, lease=LEASE)


def sweep(ledger) -> None:
    ledger.maintenance.sweep_series(idle_since=LATER, failed_too=False, limit=9, now=LATER)


def test_a_reading_stands_beside_the_answer(ledger):
    """The job does not change but for a line in its journal that says who asked."""
    (job_id,) = answered(ledger, "2.25.1")
    before = ledger.operator.get(job_id)
    assert ask(ledger, job_id) == 1
    reading = take(ledger)
    assert (reading.job_id, reading.bundle_path, reading.attempts) == (job_id, READER.path, 1)
    assert ledger.reading.second_readings.job(reading) == before
    ledger.reading.second_readings.finish(
        reading, now=LATER, answer=Answer.ABSENT, series_probability=0.25
    )
    (kept,) = ledger.rereading.of_job(job_id)
    assert (kept.state, kept.answer, kept.series_probability) == (
        ReadingState.DONE,
        Answer.ABSENT,
        0.25,
    )
    assert ledger.operator.get(job_id) == before
    assert "asked by jo" in ledger.operator.events(job_id)[-1].detail
    assert take(ledger) is None
    assert ledger.rereading.progress() == {("other", "c" * 64): {ReadingState.DONE: 1}}


def test_what_is_left_out_is_said(ledger):
    """By the reason; a second request changes nothing."""
    asked, swept, same = answered(ledger, "2.25.1", "2.25.2", "2.25.3")
    sweep_one(ledger, swept)
    add(ledger, series="2.25.4")
    waiting = ledger.operator.list()[0].id
    ask(ledger, asked)
    found = plan(ledger, asked, swept, same, waiting)
    assert found.job_ids == (same,)
    assert found.left_out == {
        NotReread.NOT_DONE: (waiting,),
        NotReread.SWEPT: (swept,),
        NotReread.KNOWN: (asked,),
    }
    assert found.total == 4
    assert plan(ledger, same, sha256=FIRST).left_out == {NotReread.KNOWN: (same,)}
    assert ask(ledger, asked) == 0


def sweep_one(ledger, job_id: int) -> None:
    with ledger.database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(swept_at=LATER))


def test_by_time_each_series_once_in_its_newest_answer(ledger):
    """until is not included."""
    answered(ledger, "2.25.1")
    add(ledger, 2, series="2.25.1")
    finish(ledger, claim(ledger), destinations=(), count=0)
    newest = ledger.operator.list()[0]
    assert newest.revision == 2
    assert plan(ledger, since=T0).job_ids == (newest.id,)
    assert plan(ledger, since=T0 + QUIET).total == 0
    assert plan(ledger, since=T0 - QUIET, until=T0).total == 0


def test_only_what_stands_is_replaced(ledger):
    """Not what was withdrawn, has a later revision, or was not told."""
    told, withdrawn, silent, first = answered(ledger, "2.25.1", "2.25.2", "2.25.3", "2.25.4")
    with ledger.database.write() as connection:
        for job_id, values in (
            (withdrawn, {"withdrawn_at": LATER}),
            (silent, {"in_favour_of": told}),
        ):
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))
    add(ledger, 2, series="2.25.4")
    found = plan(ledger, told, withdrawn, silent, first, deliver=True)
    assert found.job_ids == (told,)
    assert found.left_out == {
        NotReread.WITHDRAWN: (withdrawn,),
        NotReread.OUTDATED: (first,),
        NotReread.NOT_TOLD: (silent,),
    }


def test_a_new_revision_of_the_same_objects(ledger):
    """It waits behind all others, and nobody is told that it is late; asked again it is known."""
    (job_id,) = answered(ledger, "2.25.1")
    assert ask(ledger, job_id, deliver=True) == 1
    new = ledger.operator.list()[0]
    assert (new.revision, new.state, new.lane, new.read_with) == (
        2,
        JobState.WAITING,
        Lane.AGAIN,
        READER.path,
    )
    assert ledger.operator.instances(new) == ledger.operator.instances(ledger.operator.get(job_id))
    assert ledger.rereading.delivering() == 1
    assert ledger.telling.overdue(long_ago=LATER, limit=9) == []
    assert claim(ledger, at=LATER) is None
    assert ask(ledger, job_id, deliver=True) == 0
    again = ledger.reading.claim_again(owner="a", now=LATER, lease=LEASE, max_attempts=2)
    assert again.id == new.id
    assert [event.event for event in ledger.operator.events(new.id)] == [
        "to be read again",
        "claimed",
    ]


def test_the_active_bundle_is_not_named(ledger):
    """The one that is active when the series is read counts."""
    (job_id,) = answered(ledger, "2.25.1")
    active = NewReader(name="now", sha256="d" * 64, path="/bundles/now", is_active=True)
    ask(ledger, job_id, deliver=True, reader=active)
    assert ledger.operator.list()[0].read_with is None


def test_every_other_series_comes_first(ledger):
    """A reading again is not handed out while one is ready, and is overtaken by any."""
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id, deliver=True)
    add(ledger, series="2.25.2", at=LATER - QUIET)
    again = {"owner": "a", "now": LATER, "lease": LEASE, "max_attempts": 2}
    assert ledger.reading.claim_again(**again) is None
    assert claim(ledger, at=LATER).series_instance_uid == "2.25.2"
    mine = ledger.reading.claim_again(**again)
    assert not ledger.reading.is_overtaken(mine, now=LATER)
    add(ledger, series="2.25.3", at=LATER - QUIET)
    assert ledger.reading.is_overtaken(mine, now=LATER)


def test_a_late_object_does_not_wait_behind_all_others(ledger):
    """It opens a revision of its own, in the lane of every series."""
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id, deliver=True)
    add(ledger, 2, series="2.25.1", at=LATER)
    newest = ledger.operator.list()[0]
    assert (newest.revision, newest.lane, newest.read_with) == (3, Lane.ORDINARY, None)


@pytest.mark.parametrize("end", ["refuse", "fail", "crash"])
def test_without_a_new_answer_the_first_one_stands(ledger, end):
    """Nobody is told, and the study has no series without an answer."""
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id, deliver=True)
    held = {"owner": "a", "now": LATER, "lease": LEASE, "max_attempts": 1}
    job = ledger.reading.claim_again(**held)
    if end == "refuse":
        ledger.reading.refuse(job, now=LATER, reason="not_head", detail="no head")
    elif end == "fail":
        ledger.reading.fail(job, now=LATER, reason="bundle", detail="gone", retry_at=None)
    else:
        claim(ledger, at=LATER + 2 * LEASE, max_attempts=1)
    ended = ledger.operator.get(job.id)
    assert ended.state is (JobState.REFUSED if end == "refuse" else JobState.FAILED)
    assert (ended.answer, ended.in_favour_of) == (None, None)
    assert ledger.telling.due_studies(long_ago=LATER + QUIET, limit=9) == []
    assert ledger.operator.get(job_id).in_favour_of is None


def test_a_crash_is_tried_again_and_then_given_up(ledger):
    """The owner of a lease that ran out changes nothing; after the last attempt it is FAILED, and
    can be asked for again.
    """
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id)
    lost = take(ledger)
    for attempt in range(1, MOST_ATTEMPTS):
        assert take(ledger, at=LATER + 2 * attempt * LEASE).attempts == attempt + 1
    with pytest.raises(LeaseLost):
        ledger.reading.second_readings.release(lost)
    assert take(ledger, at=LATER + 9 * LEASE) is None
    (failed,) = ledger.rereading.of_job(job_id)
    assert failed.state is ReadingState.FAILED
    assert ask(ledger, job_id) == 1
    assert take(ledger).attempts == 1


def test_a_failed_attempt_waits_before_the_next(ledger):
    """And a released one does not count."""
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id)
    second = ledger.reading.second_readings
    second.release(take(ledger))
    second.fail(take(ledger), detail="disk", retry_at=LATER + QUIET)
    assert take(ledger) is None
    again = take(ledger, at=LATER + QUIET)
    assert (again.attempts, again.detail) == (2, "disk")
    second.renew(again, now=LATER + QUIET, lease=2 * LEASE)
    assert take(ledger, at=LATER + QUIET + LEASE) is None
    second.fail(again, detail="no bundle", retry_at=None)
    assert ledger.rereading.of_job(job_id)[0].state is ReadingState.FAILED


def test_no_series_is_kept_for_a_reading(ledger):
    """What waits, and what is being read at that moment, is swept unread; rows go with their
    job.
    """
    waiting, read = answered(ledger, "2.25.1", "2.25.2")
    ask(ledger, waiting, read)
    ledger.reading.second_readings.release(take(ledger))
    held = take(ledger)
    sweep(ledger)
    ledger.reading.second_readings.fail(held, detail="no file", retry_at=LATER)
    assert ledger.rereading.progress() == {("other", "c" * 64): {ReadingState.SWEPT: 2}}
    assert take(ledger, at=LATER + LEASE) is None
    assert plan(ledger, waiting).left_out == {NotReread.SWEPT: (waiting,)}
    assert ledger.maintenance.prune(swept_before=LATER + QUIET, limit=9) == 2


def test_what_an_operator_asked_for_comes_before_the_shadow(ledger):
    ledger.shadows.start(path="s", sha256="e" * 64, name="shadow", who="jo", why="", now=T0)
    (job_id,) = answered(ledger, "2.25.1")
    ask(ledger, job_id)
    assert [take(ledger).purpose, take(ledger).purpose] == ["reread", "shadow"]
