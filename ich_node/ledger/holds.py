"""Jobs that a rule of the site holds back: an operator releases them, or their time is over."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.errors import ConfigError, HeldBack
from ich_node.ledger.database import Database
from ich_node.ledger.endings import UNREAD, put_back, without_answer
from ich_node.ledger.journal import note
from ich_node.ledger.rows import Job
from ich_node.ledger.states import JobState
from ich_node.ledger.studies import lock_study
from ich_node.ledger.tables import as_values, columns_of, job_events, jobs

MOST_JOBS = 100
_later = jobs.alias("later")
# A later revision covers all objects of this one.
HAS_LATER_REVISION = (
    sa.select(_later.c.id)
    .where(
        _later.c.series_instance_uid == jobs.c.series_instance_uid,
        _later.c.study_instance_uid == jobs.c.study_instance_uid,
        _later.c.revision > jobs.c.revision,
    )
    .exists()
)
# The statement is a constant: it is asked every second, and building one costs more than executing
# it.
OVER = (
    sa.select(*columns_of(Job, jobs), HAS_LATER_REVISION.label("has_later_revision"))
    .where(
        jobs.c.state == JobState.HELD,
        jobs.c.held_until <= sa.bindparam("now", type_=jobs.c.held_until.type),
    )
    .order_by(jobs.c.id)
    .limit(MOST_JOBS)
)


class HoldLedger:
    """Releases held jobs, and ends those whose time is over."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def release(self, job_id: int, *, now: datetime, who: str) -> None:
        """The job waits, and rules that hold apply to its series no more; also after its time was
        over, while its files are there.

        Raises ConfigError if it is not held.
        """
        with self._database.write() as connection:
            released = connection.execute(
                sa.update(jobs)
                .where(
                    jobs.c.id == job_id,
                    (jobs.c.state == JobState.HELD)
                    | sa.and_(
                        jobs.c.state == JobState.REFUSED,
                        jobs.c.reason == HeldBack.reason,
                        jobs.c.swept_at.is_(None),
                    ),
                )
                .values(**UNREAD, ready_at=now, released_at=now)
            )
            if not released.rowcount:
                raise ConfigError(_why_not(connection, job_id))
            note(connection, job_id=job_id, at=now, event="released", detail=f"by hand, by {who}")

    def end_over(self, now: datetime) -> int:
        """Jobs that nobody released in time are REFUSED, and somebody has to be told (telling.py);
        of an earlier revision nobody is told. How many.
        """
        with self._database.read() as connection:
            over = connection.execute(OVER, {"now": now}).mappings().all()
        for row in over:
            with self._database.write() as connection:
                lock_study(connection, row["study_instance_uid"])
                _end(connection, row, now)
        return len(over)


def end_earlier_holds(connection: sa.Connection, job: Job, now: datetime) -> None:
    """Held revisions before this one are CANCELLED: it covers all their objects."""
    ended = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.series_instance_uid == job.series_instance_uid,
            jobs.c.study_instance_uid == job.study_instance_uid,
            jobs.c.revision < job.revision,
            jobs.c.state == JobState.HELD,
        )
        .values(state=JobState.CANCELLED, held_until=None)
        .returning(jobs.c.id)
    ).scalars()
    for job_id in ended.all():
        detail = f"revision {job.revision}, job {job.id}, is held instead"
        note(connection, job_id=job_id, at=now, event="cancelled", detail=detail)


def _end(connection: sa.Connection, row: sa.RowMapping, now: datetime) -> None:
    mine = sa.and_(jobs.c.id == row["id"], jobs.c.state == JobState.HELD)
    if row["has_later_revision"]:
        values: dict[str, Any] = {"state": JobState.CANCELLED, "held_until": None}
        event, detail = "cancelled", "its hold is over; a later revision covers its objects"
    else:
        event, within = "refused", _within(connection, row)
        detail = f"held by rule {row['rule']}, and nobody released it{within}"
        values = {
            "state": JobState.REFUSED,
            "reason": HeldBack.reason,
            "detail": detail,
            "held_until": None,
            **without_answer(now),
        }
        detail = f"{HeldBack.reason}: {detail}"
    if connection.execute(sa.update(jobs).where(mine).values(**values)).rowcount:
        note(connection, job_id=row["id"], at=now, event=event, detail=detail)
        put_back(connection, row["id"], now)


def _within(connection: sa.Connection, row: sa.RowMapping) -> str:
    held_at = connection.execute(
        sa.select(sa.func.max(job_events.c.at)).where(
            job_events.c.job_id == row["id"], job_events.c.event == "held"
        )
    ).scalar()
    if held_at is None:
        return " in time"
    minutes = (row["held_until"] - held_at).total_seconds() / 60
    return f" within {minutes:.3g} {'minute' if minutes == 1 else 'minutes'}"


def _why_not(connection: sa.Connection, job_id: int) -> str:
    query = sa.select(*columns_of(Job, jobs)).where(jobs.c.id == job_id)
    for job in as_values(Job, connection.execute(query)):
        if job.reason == HeldBack.reason:
            return f"the files of job {job_id} were removed after their time; send the series again"
        return f"job {job_id} is {job.state.words}: only a held job can be released"
    return f"there is no job {job_id}"
