"""A study as people look at it: one answer, the series that gave it, and why the others did not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ich_node.answer import Answer
from ich_node.ledger import Job, JobState, Lane
from ich_node.ledger.studies import PENDING
from ich_node.study.no_answer import is_unread_head


@dataclass(frozen=True, kw_only=True)
class StudyOverview:
    """series: the newest revision of each, the oldest first. answer: the most severe one that
    stands, as far as the ledger knows; None while there is none. given_by: its series; None if
    nobody gave one. not_told: series whose answer differs from the one that stands instead.
    overdue: series that wait for longer than the site allows.
    """

    study_instance_uid: str
    series: tuple[Job, ...]
    answer: Answer | None
    given_by: Job | None
    not_told: tuple[Job, ...]
    overdue: tuple[Job, ...]
    is_pending: bool

    @property
    def newest(self) -> Job:
        return max(self.series, key=lambda job: (job.first_received_at, job.id))


def overview_of(study: Sequence[Job], *, now: datetime, late_after: timedelta) -> StudyOverview:
    """study: all its jobs, the oldest first."""
    newest = tuple({each.series_instance_uid: each for each in study}.values())
    given = [(job.answer, job) for job in standing(study) if job.answer is not None]
    unread = [(Answer.NOT_ANALYSED, job) for job in newest if _is_unread(job)]
    pending = [job for job in newest if job.state in PENDING and job.lane is not Lane.AGAIN]
    ended = [(Answer.NOT_ANALYSED, job) for job in newest if job.answer is Answer.NOT_ANALYSED]
    answers = given + unread or ([] if pending else ended)
    answer, by = max(answers, key=lambda one: one[0].severity) if answers else (None, None)
    by_id = {job.id: job for job in study}
    return StudyOverview(
        study_instance_uid=study[0].study_instance_uid,
        series=tuple(sorted(newest, key=lambda job: job.id)),
        answer=answer,
        given_by=by,
        not_told=tuple(job for job in study if _differs(job, by_id)),
        overdue=tuple(
            job
            for job in pending
            if job.state is not JobState.HELD
            and max(job.last_received_at, job.released_at or job.last_received_at)
            <= now - late_after
        ),
        is_pending=bool(pending),
    )


def standing(study: Sequence[Job]) -> list[Job]:
    """The jobs whose answers were told, and stand: not replaced, and not taken back."""
    return [
        job
        for job in study
        if job.state is JobState.DONE and job.in_favour_of is None and job.withdrawn_at is None
    ]


def _is_unread(job: Job) -> bool:
    """A head that nobody has answered, or whose answer was taken back."""
    if job.withdrawn_at is not None:
        return job.in_favour_of is None
    return job.answer is Answer.NOT_ANALYSED and is_unread_head(job, None)


def _differs(job: Job, by_id: dict[int, Job]) -> bool:
    """It was read, and another answer about the same acquisition stands instead."""
    other = by_id.get(job.in_favour_of or 0)
    return (
        job.state is JobState.DONE
        and other is not None
        and other.series_instance_uid != job.series_instance_uid
        and other.answer is not job.answer
    )
