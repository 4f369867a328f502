"""What the end of a job sets in its row, and in those of the jobs that were set aside for it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.journal import note
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.tables import jobs

NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
# as if the job had never been read
UNREAD: dict[str, Any] = {
    "state": JobState.WAITING,
    "attempts": 0,
    "reason": None,
    "detail": None,
    "answer": None,
    "in_favour_of": None,
    "untold_since": None,
    "withdrawn_at": None,
    "withdrawn_code": None,
    "withdrawn_reason": None,
    "withdrawn_by": None,
    "rule": None,
    "held_until": None,
}


def without_answer(now: datetime) -> dict[str, Any]:
    """The job ended without an answer, and somebody has to be told (telling.py); not of a series
    that was read again, whose first answer stands.
    """
    has_answer = jobs.c.lane == Lane.AGAIN
    answer = sa.literal(Answer.NOT_ANALYSED, jobs.c.answer.type)
    since = sa.literal(now, jobs.c.untold_since.type)
    return {
        "answer": sa.case((~has_answer, answer), else_=None),
        "untold_since": sa.case((~has_answer, since), else_=None),
    }


def put_back(connection: sa.Connection, job_id: int, now: datetime) -> None:
    """The jobs that were set aside for this one wait again, if their files are still there."""
    waiting = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.in_favour_of == job_id,
            jobs.c.state == JobState.SET_ASIDE,
            jobs.c.swept_at.is_(None),
        )
        .values(**UNREAD, ready_at=now)
        .returning(jobs.c.id)
    ).scalars()
    for waiting_id in waiting.all():
        note(
            connection,
            job_id=waiting_id,
            at=now,
            event="waits again",
            detail=f"job {job_id}, which was to be read instead, gave no certain answer",
        )
