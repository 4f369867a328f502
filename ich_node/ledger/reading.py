"""The analyser's part of the ledger: claim a job, keep its lease, record what became of it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from ich_node.ledger.changes import Changes
from ich_node.ledger.database import Database
from ich_node.ledger.instances import instances_of
from ich_node.ledger.journal import events_of, note
from ich_node.ledger.previews import PreviewLedger
from ich_node.ledger.rows import Instance, Job, JobEvent, LeaseLost, Result
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION

CRASHED = "crashed"
# A large series lets ordinary ones pass for this long; then it is served before them.
PATIENCE = timedelta(minutes=1)
NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_other = jobs.alias("other")
SERIES_IS_BEING_READ = (
    sa.select(_other.c.id)
    .where(
        _other.c.series_instance_uid == jobs.c.series_instance_uid,
        _other.c.study_instance_uid == jobs.c.study_instance_uid,
        _other.c.state == JobState.READING,
        _other.c.id != jobs.c.id,
    )
    .exists()
)


# The statements are constants: an idle analyser asks several times a second, and building a
# statement costs more than executing it.
NOW, LONG_AGO = (sa.bindparam(name, type_=jobs.c.ready_at.type) for name in ("now", "long_ago"))


def _ready(lane: Lane, since: sa.BindParameter[datetime] = NOW) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane == lane, jobs.c.ready_at <= since)


# The order in which jobs are served: first those whose analyser is gone. Each turn is one range of
# an index.
TURNS = (
    sa.and_(jobs.c.state == JobState.READING, jobs.c.lease_until <= NOW),
    _ready(Lane.URGENT),
    _ready(Lane.SUSPECTED),
    _ready(Lane.LARGE, since=LONG_AGO),
    _ready(Lane.ORDINARY),
    _ready(Lane.LARGE),
)
WHOSE_TURN = sa.select(
    sa.case(
        *(
            (sa.select(jobs.c.id).where(turn, ~SERIES_IS_BEING_READ).exists(), sa.literal(number))
            for number, turn in enumerate(TURNS)
        ),
        else_=None,
    )
)
"""The number of the first turn that has a job to read; NULL if none has."""

READY_IN_LANES = (
    sa.select(jobs.c.id)
    .where(
        jobs.c.state == JobState.WAITING,
        jobs.c.lane.in_(sa.bindparam("lanes", expanding=True)),
        jobs.c.ready_at <= NOW,
        ~SERIES_IS_BEING_READ,
    )
    .limit(1)
)


def _longest_ready(turn: sa.ColumnElement[bool]) -> sa.Select[int]:
    return (
        sa.select(jobs.c.id)
        .where(turn, ~SERIES_IS_BEING_READ)
        .order_by(jobs.c.ready_at, jobs.c.id)
        .limit(1)
    )


def _claim(turn: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    """One statement for both databases: for SQLite, which locks the whole database, SQLAlchemy
    leaves SKIP LOCKED out.
    """
    return (
        sa.update(jobs)
        .where(
            jobs.c.id == _longest_ready(turn).with_for_update(skip_locked=True).scalar_subquery()
        )
        .values(
            state=JobState.READING,
            attempts=jobs.c.attempts + 1,
            max_attempts=sa.bindparam("most_attempts"),
            content_at=sa.func.coalesce(jobs.c.content_at, NOW),
            lease_owner=sa.bindparam("owner"),
            lease_until=sa.bindparam("until", type_=jobs.c.lease_until.type),
        )
        .returning(*columns_of(Job, jobs))
    )


CLAIMS = tuple(_claim(turn) for turn in TURNS)


def _at(now: datetime) -> dict[str, Any]:
    return {"now": now, "long_ago": now - PATIENCE}


class AnalyserLedger:
    """Hands out each job to one process at a time, for as long as its lease holds.

    previews: for series that still arrive.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self.previews = PreviewLedger(database=database)

    def changes(self) -> Changes:
        """For a loop that waits for work; the caller closes it. Raises Unavailable."""
        return self._database.changes()

    def claim(
        self, *, owner: str, now: datetime, lease: timedelta, max_attempts: int
    ) -> Job | None:
        """The next job, now READING and held by owner until the lease runs out; None if there is
        none.

        Jobs whose lease ran out come first, then lane after lane the jobs that have been ready for
        longest. A job whose analyser crashed or hung in its last allowed attempt becomes FAILED, so
        that it never blocks the others.
        """
        # an idle analyser asks several times a second; this query takes no lock
        if not self.is_any_ready(now=now):
            return None
        try:
            with self._database.write() as connection:
                _fail_crashed(connection, now, max_attempts)
                turn = connection.execute(WHOSE_TURN, _at(now)).scalar()
                if turn is None:
                    return None
                held = {"owner": owner, "until": now + lease, "most_attempts": max_attempts}
                claimed = as_values(Job, connection.execute(CLAIMS[turn], _at(now) | held))
                for job in claimed:
                    note(
                        connection,
                        job_id=job.id,
                        at=now,
                        event="claimed",
                        detail=f"try {job.attempts}, by {owner}",
                    )
        except sa.exc.IntegrityError:
            # PostgreSQL: another analyser claimed another revision of the same series at this
            # moment (unique index on READING); ours waits
            return None
        return claimed[0] if claimed else None

    def is_overtaken(self, job: Job, *, now: datetime) -> bool:
        """Whether a series in a lane that is served before this job's lane is ready."""
        has_waited = job.lane is Lane.LARGE and job.ready_at <= now - PATIENCE
        before = [lane for lane in Lane if lane < (Lane.ORDINARY if has_waited else job.lane)]
        if not before:
            return False
        with self._database.read() as connection:
            return (
                connection.execute(READY_IN_LANES, {"now": now, "lanes": before}).first()
                is not None
            )

    def is_any_ready(self, *, now: datetime) -> bool:
        """Whether a claim would find a job."""
        with self._database.read() as connection:
            return connection.execute(WHOSE_TURN, _at(now)).scalar() is not None

    def instances(self, job: Job) -> list[Instance]:
        """The newest version of each object that this revision of the series covers."""
        with self._database.read() as connection:
            return instances_of(connection, job)

    def events(self, job_id: int) -> list[JobEvent]:
        """The job's events, oldest first."""
        with self._database.read() as connection:
            return events_of(connection, job_id)

    def renew(self, job: Job, *, now: datetime, lease: timedelta) -> None:
        """Extend the lease. Raises LeaseLost."""
        with self._database.write() as connection:
            _update_held(connection, job, lease_until=now + lease)

    def release(self, job: Job, *, now: datetime, why: str = "the process stops") -> None:
        """Give the job back unread; the attempt does not count. Raises LeaseLost."""
        with self._database.write() as connection:
            _update_held(
                connection, job, state=JobState.WAITING, attempts=job.attempts - 1, **NO_LEASE
            )
            note(
                connection,
                job_id=job.id,
                at=now,
                event="released",
                detail=f"by {job.lease_owner}: {why}",
            )

    def remark(self, job: Job, *, now: datetime, event: str, detail: str) -> None:
        """Add an event to a job that is being read."""
        with self._database.write() as connection:
            note(connection, job_id=job.id, at=now, event=event, detail=detail)

    def finish(
        self,
        job: Job,
        *,
        now: datetime,
        positive: bool,
        series_probability: float,
        bundle_sha256: str,
        results: Sequence[Result],
        destinations: Sequence[str],
        notify: Sequence[str] = (),
    ) -> None:
        """The job is DONE. Each resulting object is owed to each of `destinations`, a notification
        to each of `notify`. Raises LeaseLost.

        One transaction: a crash between DONE and the deliveries would lose a report for ever.
        """
        with self._database.write() as connection:
            answer = {
                "positive": positive,
                "series_probability": series_probability,
                "bundle_sha256": bundle_sha256,
            }
            _update_held(
                connection, job, state=JobState.DONE, reason=None, detail=None, **answer, **NO_LEASE
            )
            for result in results:
                _owe(
                    connection,
                    job_id=job.id,
                    result=result,
                    destinations=notify if result.kind == NOTIFICATION else destinations,
                    now=now,
                )
            names = ", ".join([*destinations, *notify]) or "no destination"
            note(
                connection,
                job_id=job.id,
                at=now,
                event="done",
                detail=f"{len(results)} results for {names}",
            )

    def refuse(
        self,
        job: Job,
        *,
        now: datetime,
        reason: str,
        detail: str,
        results: Sequence[Result] = (),
        destinations: Sequence[str] = (),
        notify: Sequence[str] = (),
    ) -> None:
        """The series is not one that this node reads; the job is REFUSED. `results`, if any, are
        documents that say so, owed as by `finish`. Raises LeaseLost.

        A job that is retried and refused for the same reason makes the same document again: its
        deliveries exist already.
        """
        with self._database.write() as connection:
            _update_held(
                connection, job, state=JobState.REFUSED, reason=reason, detail=detail, **NO_LEASE
            )
            for result in results:
                if not _is_known(connection, result):
                    _owe(
                        connection,
                        job_id=job.id,
                        result=result,
                        destinations=notify if result.kind == NOTIFICATION else destinations,
                        now=now,
                    )
            note(connection, job_id=job.id, at=now, event="refused", detail=f"{reason}: {detail}")

    def previous_result(self, job: Job, kind: str) -> Result | None:
        """The newest result of this kind ("sr", "notification") that an earlier revision of the
        same series gave.
        """
        earlier = (
            sa.select(*columns_of(Result, results))
            .join(jobs, jobs.c.id == results.c.job_id)
            .where(_earlier_revision(job), results.c.kind == kind)
            .order_by(jobs.c.revision.desc(), results.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            found = as_values(Result, connection.execute(earlier))
        return found[0] if found else None

    def earlier_destinations(self, job: Job) -> set[str]:
        """The destinations that have a delivery, in any state, of an earlier revision of the same
        series.
        """
        query = (
            sa.select(deliveries.c.destination)
            .join(jobs, jobs.c.id == deliveries.c.job_id)
            .where(_earlier_revision(job))
        )
        with self._database.read() as connection:
            return set(connection.execute(query.distinct()).scalars())

    def fail(
        self, job: Job, *, now: datetime, reason: str, detail: str, retry_at: datetime | None
    ) -> None:
        """This attempt failed. The job is FAILED if retry_at is None or this was the last attempt
        allowed, else ready again at retry_at. Raises LeaseLost.
        """
        with self._database.write() as connection:
            is_last = jobs.c.attempts >= jobs.c.max_attempts
            state: Any = JobState.FAILED
            values: dict[str, Any] = {}
            if retry_at is not None:
                state = sa.case(
                    (is_last, sa.literal(JobState.FAILED, jobs.c.state.type)),
                    else_=JobState.WAITING,
                )
                values["ready_at"] = retry_at
            left = _update_held(
                connection, job, state=state, reason=reason, detail=detail, **values, **NO_LEASE
            )
            event = "failed" if left.state is JobState.FAILED else "try failed"
            note(connection, job_id=job.id, at=now, event=event, detail=f"{reason}: {detail}")


def _earlier_revision(job: Job) -> sa.ColumnElement[bool]:
    return sa.and_(
        jobs.c.series_instance_uid == job.series_instance_uid,
        jobs.c.study_instance_uid == job.study_instance_uid,
        jobs.c.revision < job.revision,
    )


def _fail_crashed(connection: sa.Connection, now: datetime, max_attempts: int) -> None:
    """Jobs whose analyser crashed, or hung until the lease ran out, in every allowed attempt."""
    crashed = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.state == JobState.READING,
            jobs.c.lease_until <= now,
            jobs.c.attempts >= max_attempts,
        )
        .values(
            state=JobState.FAILED,
            reason=CRASHED,
            detail="the analyser crashed or hung on every attempt",
            **NO_LEASE,
        )
        .returning(jobs.c.id, jobs.c.attempts)
    ).all()
    for row in crashed:
        note(
            connection,
            job_id=row.id,
            at=now,
            event="failed",
            detail=f"{CRASHED} {row.attempts} times",
        )


def _update_held(connection: sa.Connection, job: Job, **values: Any) -> Job:
    """Owner and number of attempts identify one claim. A process whose lease was taken over no
    longer matches, and changes nothing.
    """
    rows = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.state == JobState.READING,
            jobs.c.lease_owner == job.lease_owner,
            jobs.c.attempts == job.attempts,
        )
        .values(**values)
        .returning(*columns_of(Job, jobs))
    )
    updated = as_values(Job, rows)
    if not updated:
        raise LeaseLost(f"job {job.id} is no longer held by {job.lease_owner}")
    return updated[0]


def _is_known(connection: sa.Connection, result: Result) -> bool:
    return (
        connection.execute(sa.select(results.c.id).where(results.c.sha256 == result.sha256)).first()
        is not None
    )


def _owe(
    connection: sa.Connection,
    *,
    job_id: int,
    result: Result,
    destinations: Sequence[str],
    now: datetime,
) -> None:
    result_id = connection.execute(
        sa.insert(results).values(job_id=job_id, **asdict(result)).returning(results.c.id)
    ).scalar_one()
    for destination in destinations:
        connection.execute(
            sa.insert(deliveries).values(
                job_id=job_id,
                result_id=result_id,
                destination=destination,
                state=DeliveryState.PENDING,
                attempts=0,
                next_at=now,
                first_at=now,
            )
        )
