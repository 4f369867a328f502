"""Answers that are taken back: what is owed is cancelled, and who got the answer hears of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.answer import WithdrawalReason
from ich_node.errors import ConfigError
from ich_node.ledger import earlier
from ich_node.ledger.database import Database
from ich_node.ledger.endings import NO_LEASE
from ich_node.ledger.instances import sources_of
from ich_node.ledger.journal import note, note_deliveries
from ich_node.ledger.owed import Notify, owe_all
from ich_node.ledger.rows import Job, Result
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.studies import jobs_of_study, lock_study
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION

TAKEN = (DeliveryState.SENT, DeliveryState.STORED, DeliveryState.SENDING)
UNSETTLED = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.STORED,
    DeliveryState.FAILED,
)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Names of destinations that have, or may have, something of a job. objects, messages: its
    objects, its message. later_messages: a message of another job of its study, or they are owed
    one. owed: they are owed something of the job, and nothing was sent yet.
    """

    objects: frozenset[str]
    messages: frozenset[str]
    later_messages: frozenset[str]
    owed: frozenset[str]


class WithdrawalLedger:
    """Finds out who got an answer, and takes it back."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def study(self, job: Job) -> list[Job]:
        """All jobs of its study, the oldest first."""
        with self._database.read() as connection:
            return jobs_of_study(connection, job.study_instance_uid)

    def sources(self, study: Sequence[Job]) -> dict[int, frozenset[str]]:
        """See `sources_of`."""
        with self._database.read() as connection:
            return sources_of(connection, study)

    def results(self, job: Job) -> list[Result]:
        with self._database.read() as connection:
            query = sa.select(*columns_of(Result, results)).where(results.c.job_id == job.id)
            return as_values(Result, connection.execute(query.order_by(results.c.id)))

    def previous_result(
        self, job: Job, kind: str, *, among: Collection[int] | None = None
    ) -> Result | None:
        """See `earlier.previous_result`."""
        with self._database.read() as connection:
            return earlier.previous_result(connection, job, kind, replaces=(), among=among)

    def reached(self, job: Job) -> Reached:
        with self._database.read() as connection:
            return _reached(connection, job)

    def withdraw(
        self,
        job: Job,
        *,
        reached: Reached,
        now: datetime,
        code: WithdrawalReason,
        reason: str,
        who: str,
        given: Sequence[Result],
        destinations: Sequence[str],
        notify: Notify,
    ) -> int | None:
        """The job's answer stands no longer. What is owed of it is CANCELLED, and the results that
        say so are owed as by `finish`. How many deliveries were cancelled; None, and nothing
        changes, if more was sent than `reached` says. Raises ConfigError if it was withdrawn
        before.
        """
        with self._database.write() as connection:
            lock_study(connection, job.study_instance_uid)
            lock_answer(connection, job)
            if _reached(connection, job) != reached:
                return None
            marked = connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == job.id, jobs.c.withdrawn_at.is_(None))
                .values(
                    withdrawn_at=now,
                    withdrawn_code=str(code),
                    withdrawn_reason=reason,
                    withdrawn_by=who,
                )
            ).rowcount
            if not marked:
                raise ConfigError(f"job {job.id} was withdrawn before")
            note(
                connection,
                job_id=job.id,
                at=now,
                event="withdrawn",
                detail=f"by {who}, {code.words}: {reason}",
            )
            cancelled = _cancel(connection, job, now)
            _cancel_reread(connection, job, now)
            owe_all(
                connection,
                given,
                job_id=job.id,
                destinations=destinations,
                notify=notify,
                now=now,
            )
            return cancelled


def _reached(connection: sa.Connection, job: Job) -> Reached:
    rows = connection.execute(
        sa.select(
            deliveries.c.job_id,
            deliveries.c.destination,
            deliveries.c.state,
            deliveries.c.attempts,
            deliveries.c.sent_at,
            results.c.kind,
        )
        .join(results, results.c.id == deliveries.c.result_id)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(jobs.c.study_instance_uid == job.study_instance_uid)
    ).all()
    mine = [row for row in rows if row.job_id == job.id]
    others = [row for row in rows if row.job_id != job.id]
    objects = {row.destination for row in mine if row.kind != NOTIFICATION and _may_have_got(row)}
    messages = {row.destination for row in mine if row.kind == NOTIFICATION and _may_have_got(row)}
    return Reached(
        objects=frozenset(objects),
        messages=frozenset(messages),
        later_messages=frozenset(
            row.destination
            for row in others
            if row.kind == NOTIFICATION
            and (row.state is not DeliveryState.CANCELLED or _may_have_got(row))
        ),
        owed=frozenset(
            row.destination
            for row in mine
            if row.state in UNSETTLED and row.destination not in objects | messages
        ),
    )


def lock_answer(connection: sa.Connection, job: Job) -> None:
    """On PostgreSQL: nothing of the job is sent, sent again or read again until the end of the
    transaction.
    """
    connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job.id).with_for_update())
    mine = sa.select(deliveries.c.id).where(deliveries.c.job_id == job.id)
    connection.execute(mine.order_by(deliveries.c.id).with_for_update())


def _may_have_got(row: Any) -> bool:
    """An answer that was lost looks like a failed try."""
    return row.state in TAKEN or row.attempts > 0 or row.sent_at is not None


def _cancel_reread(connection: sa.Connection, job: Job, now: datetime) -> None:
    """A revision of its series that is to be read again would tell another answer. An analyser that
    reads it at this moment loses its lease.
    """
    waiting = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.series_instance_uid == job.series_instance_uid,
            jobs.c.study_instance_uid == job.study_instance_uid,
            jobs.c.state.in_((JobState.WAITING, JobState.READING)),
            jobs.c.lane == Lane.AGAIN,
        )
        .values(state=JobState.CANCELLED, **NO_LEASE)
        .returning(jobs.c.id)
    ).scalars()
    for waiting_id in waiting.all():
        detail = f"the answer of job {job.id} was withdrawn"
        note(connection, job_id=waiting_id, at=now, event="cancelled", detail=detail)


def _cancel(connection: sa.Connection, job: Job, now: datetime) -> int:
    """A sender that holds one of them loses its lease, and sends no more of the job."""
    cancelled = connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.job_id == job.id, deliveries.c.state.in_(UNSETTLED))
        .values(
            state=DeliveryState.CANCELLED, detail="withdrawn", lease_owner=None, lease_until=None
        )
        .returning(deliveries.c.job_id, deliveries.c.destination)
    ).all()
    note_deliveries(connection, rows=cancelled, now=now, event="cancelled", detail="withdrawn")
    return len(cancelled)
