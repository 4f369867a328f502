"""The operator's part of the ledger: what `ich-node jobs` shows and changes."""

import builtins
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.errors import ConfigError
from ich_node.ledger.database import Database
from ich_node.ledger.delivery import DELIVERY_ROWS, TRIED
from ich_node.ledger.endings import UNREAD, put_back
from ich_node.ledger.instances import instances_of
from ich_node.ledger.journal import counted_objects, events_of, note
from ich_node.ledger.rows import Delivery, Instance, Job, JobEvent, Result
from ich_node.ledger.scans import Scan
from ich_node.ledger.states import DeliveryState, JobState
from ich_node.ledger.studies import jobs_of_study
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results, scans

UNANSWERED = (JobState.FAILED, JobState.REFUSED, JobState.CANCELLED)


class OperatorLedger:
    """Shows jobs with their objects, results, deliveries and events; retries, cancels, closes
    jobs.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def get(self, job_id: int) -> Job | None:
        with self._database.read() as connection:
            return _get(connection, job_id)

    def list(self, *, state: JobState | None = None, limit: int = 50) -> builtins.list[Job]:
        """The newest jobs first."""
        query = sa.select(*columns_of(Job, jobs)).order_by(jobs.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state)
        with self._database.read() as connection:
            return as_values(Job, connection.execute(query))

    def instances(self, job: Job) -> builtins.list[Instance]:
        """The newest version of each object that this revision of the series covers."""
        with self._database.read() as connection:
            return instances_of(connection, job)

    def study(self, job: Job) -> builtins.list[Job]:
        """All jobs of its study, the oldest first."""
        with self._database.read() as connection:
            return jobs_of_study(connection, job.study_instance_uid)

    def scan(self, job_id: int) -> Scan | None:
        """What its headers said, if it was looked at."""
        query = sa.select(*columns_of(Scan, scans)).where(scans.c.job_id == job_id)
        with self._database.read() as connection:
            return next(iter(as_values(Scan, connection.execute(query))), None)

    def results(self, job_id: int) -> builtins.list[Result]:
        query = (
            sa.select(*columns_of(Result, results))
            .where(results.c.job_id == job_id)
            .order_by(results.c.id)
        )
        with self._database.read() as connection:
            return as_values(Result, connection.execute(query))

    def deliveries(self, job_id: int) -> builtins.list[Delivery]:
        with self._database.read() as connection:
            return as_values(
                Delivery,
                connection.execute(
                    DELIVERY_ROWS.where(deliveries.c.job_id == job_id).order_by(deliveries.c.id)
                ),
            )

    def events(self, job_id: int) -> builtins.list[JobEvent]:
        """The job's events, oldest first."""
        with self._database.read() as connection:
            return events_of(connection, job_id)

    def swept_at(self, job_id: int) -> datetime | None:
        """When its files were removed after their time."""
        with self._database.read() as connection:
            return _swept_at(connection, job_id)

    def retry(self, job_id: int, *, now: datetime) -> None:
        """Read a failed, refused or cancelled job again, or deliver again what could not be
        delivered. Raises ConfigError if there is neither.
        """
        with self._database.write() as connection:
            if _swept_at(connection, job_id) is not None:
                raise ConfigError(
                    f"the files of job {job_id} were removed after their time; send the series"
                    " again"
                )
            if _update(connection, job_id, UNANSWERED, **UNREAD, ready_at=now):
                _owe_again(connection, job_id, now)
                note(
                    connection, job_id=job_id, at=now, event="retried", detail="by hand: read again"
                )
            elif count := _owe_again(connection, job_id, now):
                note(
                    connection,
                    job_id=job_id,
                    at=now,
                    event="retried",
                    detail=f"by hand: {counted_objects(count)} to deliver again",
                )
            else:
                raise _cannot(connection, job_id, "there is nothing to try again")

    def cancel(self, job_id: int, *, now: datetime) -> None:
        """Never read this revision; an object that arrives later opens the next one. Raises
        ConfigError if the job is not waiting.
        """
        with self._database.write() as connection:
            if not _update(connection, job_id, (JobState.WAITING,), state=JobState.CANCELLED):
                raise _cannot(connection, job_id, "only a waiting job can be cancelled")
            note(connection, job_id=job_id, at=now, event="cancelled", detail="by hand")
            put_back(connection, job_id, now)

    def close(self, job_id: int, *, now: datetime) -> None:
        """Make a waiting job ready now. Raises ConfigError if it is not waiting."""
        with self._database.write() as connection:
            if not _update(connection, job_id, (JobState.WAITING,), ready_at=now):
                raise _cannot(connection, job_id, "only a waiting job can be closed")
            note(connection, job_id=job_id, at=now, event="closed", detail="by hand")


def _get(connection: sa.Connection, job_id: int) -> Job | None:
    found = as_values(
        Job, connection.execute(sa.select(*columns_of(Job, jobs)).where(jobs.c.id == job_id))
    )
    return found[0] if found else None


def _update(
    connection: sa.Connection, job_id: int, states: tuple[JobState, ...], **values: Any
) -> bool:
    changed = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state.in_(states)).values(**values)
    return connection.execute(changed).rowcount == 1


def _owe_again(connection: sa.Connection, job_id: int, now: datetime) -> int:
    return connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.job_id == job_id, deliveries.c.state == DeliveryState.FAILED)
        .values(state=DeliveryState.PENDING, attempts=TRIED, next_at=now, first_at=now)
    ).rowcount


def _swept_at(connection: sa.Connection, job_id: int) -> datetime | None:
    return connection.execute(sa.select(jobs.c.swept_at).where(jobs.c.id == job_id)).scalar()


def _cannot(connection: sa.Connection, job_id: int, why: str) -> ConfigError:
    """why: what the command needs."""
    job = _get(connection, job_id)
    if job is None:
        return ConfigError(f"there is no job {job_id}: {why}")
    if job.state is JobState.HELD:
        return ConfigError(
            f"job {job_id} is held by rule {job.rule}; `ich-node jobs release {job_id}` lets it be"
            " read"
        )
    return ConfigError(f"job {job_id} is {job.state.words}: {why}")
