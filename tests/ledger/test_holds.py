"""A rule of the site holds a job back: it is released, or its time is over."""

from datetime import timedelta

import pytest

from ich_node.answer import Answer
from ich_node.errors import ConfigError
from ich_node.ledger import JobState
from tests.support.ledger_examples import QUIET, SECOND, T0, add, claim

HOUR = timedelta(hours=1)
HELD_AT = T0 + QUIET


def held(ledger, *, at=HELD_AT):
    """The job that is ready, held for an hour."""
    job = claim(ledger, at=at)
    ledger.reading.hold(job, now=at, until=at + HOUR, rule="qa", detail="a phantom (rule qa)")
    return job


def test_a_held_job_waits_for_its_release(ledger):
    """The attempt does not count; then it is the next to be read."""
    add(ledger)
    job = held(ledger)
    waiting = ledger.operator.get(job.id)
    assert (waiting.state, waiting.attempts, waiting.rule) == (JobState.HELD, 0, "qa")
    assert (waiting.held_until, waiting.detail) == (HELD_AT + HOUR, "a phantom (rule qa)")
    assert claim(ledger, at=HELD_AT + SECOND) is None
    ledger.holds.release(job.id, now=HELD_AT + SECOND, who="jo")
    released = claim(ledger, at=HELD_AT + SECOND)
    assert (released.id, released.released_at) == (job.id, HELD_AT + SECOND)
    assert (released.rule, released.held_until, released.detail) == (None, None, None)
    events = ledger.operator.events(job.id)
    assert ("released", "by hand, by jo") in [(event.event, event.detail) for event in events]


def test_when_its_time_is_over_the_job_is_refused(ledger):
    """Somebody has to be told; an operator may release it even then."""
    add(ledger)
    job = held(ledger)
    assert ledger.holds.end_over(HELD_AT + HOUR - SECOND) == 0
    assert ledger.holds.end_over(HELD_AT + HOUR) == 1
    ended = ledger.operator.get(job.id)
    assert (ended.state, ended.reason, ended.rule) == (JobState.REFUSED, "held", "qa")
    assert ended.detail == "held by rule qa, and nobody released it within 60 minutes"
    assert ended.answer is Answer.NOT_ANALYSED
    assert ledger.telling.due_studies(long_ago=T0, limit=9) == [job.study_instance_uid]
    assert ledger.holds.end_over(HELD_AT + 2 * HOUR) == 0
    ledger.holds.release(job.id, now=HELD_AT + 2 * HOUR, who="jo")
    assert ledger.telling.due_studies(long_ago=T0, limit=9) == []
    assert claim(ledger, at=HELD_AT + 2 * HOUR).id == job.id


def test_a_held_job_keeps_its_study_pending_and_is_not_overdue(ledger):
    """Until it is released; then it is late again when it is not read in time."""
    add(ledger)
    job = held(ledger)
    late = HELD_AT + HOUR
    assert ledger.telling.overdue(long_ago=late, limit=9) == []
    add(ledger, series="2.25.2", study="2.25.9", at=T0)
    other = claim(ledger)
    ledger.reading.refuse(other, now=HELD_AT, reason="bone_kernel", detail="BONE")
    assert ledger.telling.due_studies(long_ago=HELD_AT - SECOND, limit=9) == []
    ledger.holds.release(job.id, now=late, who="jo")
    assert ledger.telling.overdue(long_ago=late - SECOND, limit=9) == []
    assert [each.id for each in ledger.telling.overdue(long_ago=late, limit=9)] == [job.id]


def test_late_slices_of_a_held_series_are_held_with_it(ledger):
    """The later revision covers all of them: nobody is told of the earlier one."""
    add(ledger)
    first = held(ledger)
    add(ledger, 2, at=HELD_AT)
    second = held(ledger, at=HELD_AT + QUIET)
    assert (second.series_instance_uid, second.revision) == (first.series_instance_uid, 2)
    assert ledger.operator.get(first.id).state is JobState.CANCELLED
    assert ledger.holds.end_over(HELD_AT + 2 * HOUR) == 1
    assert [job.id for job in ledger.telling.untold(first.study_instance_uid)] == [second.id]


def test_a_hold_that_ends_while_late_slices_arrive_is_not_told(ledger):
    """Their revision is read or held next."""
    add(ledger)
    first = held(ledger)
    add(ledger, 2, at=HELD_AT + HOUR - SECOND)
    assert ledger.holds.end_over(HELD_AT + HOUR) == 1
    assert ledger.operator.get(first.id).state is JobState.CANCELLED
    assert ledger.telling.untold(first.study_instance_uid) == []


def test_a_reconstruction_that_was_set_aside_does_not_wait_for_a_held_one(sqlite_ledger):
    """A head gets its answer from what may be read."""
    ledger = sqlite_ledger
    add(ledger, series="2.25.1")
    add(ledger, series="2.25.2", study="2.25.9")
    thin = claim(ledger)
    ledger.reading.set_aside(thin, now=HELD_AT, in_favour_of=2, detail="job 2 is read")
    held(ledger)
    assert ledger.operator.get(thin.id).state is JobState.WAITING


@pytest.mark.parametrize("verb", ["retry", "cancel", "close"])
def test_what_an_operator_is_told_about_a_held_job(sqlite_ledger, verb):
    """How to let it be read."""
    add(sqlite_ledger)
    held(sqlite_ledger)
    with pytest.raises(ConfigError, match=r"job 1 is held by rule qa; `ich-node jobs release 1`"):
        getattr(sqlite_ledger.operator, verb)(1, now=HELD_AT)


def test_only_a_held_job_can_be_released(sqlite_ledger):
    """The sentence says what the job is."""
    add(sqlite_ledger)
    with pytest.raises(ConfigError, match="job 1 is waiting: only a held job can be released"):
        sqlite_ledger.holds.release(1, now=T0, who="jo")
    with pytest.raises(ConfigError, match="there is no job 7"):
        sqlite_ledger.holds.release(7, now=T0, who="jo")


def test_retention_leaves_what_is_held(sqlite_ledger):
    """However old it is."""
    add(sqlite_ledger)
    held(sqlite_ledger)
    swept = sqlite_ledger.maintenance.sweep_series(
        idle_since=HELD_AT + HOUR, failed_too=True, limit=9, now=HELD_AT + HOUR
    )
    assert swept == []
