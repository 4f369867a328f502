"""The teller's part of the ledger: series that ended without an answer, or whose answer is late."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import earlier
from ich_node.ledger.database import Database
from ich_node.ledger.instances import instances_of, sources_of
from ich_node.ledger.journal import note
from ich_node.ledger.owed import Notify, names_of, owe_all
from ich_node.ledger.rows import Instance, Job, Result
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.studies import PENDING, jobs_of_study, lock_study
from ich_node.ledger.tables import as_values, columns_of, jobs

_other = jobs.alias("other")
LONG_AGO = sa.bindparam("long_ago", type_=jobs.c.untold_since.type)
STUDY_IS_PENDING = (
    sa.select(_other.c.id)
    .where(_other.c.study_instance_uid == jobs.c.study_instance_uid, _other.c.state.in_(PENDING))
    .exists()
)
# The statement is a constant: it is asked every second, and building one costs more than executing
# it.
# The jobs first, whose index has only them: to group by study, SQLite would read all jobs.
_DUE_JOBS = (
    sa.select(jobs.c.study_instance_uid, jobs.c.untold_since)
    .where(
        jobs.c.untold_since.is_not(None),
        (jobs.c.untold_since <= LONG_AGO) | ~STUDY_IS_PENDING,
    )
    .order_by(jobs.c.untold_since)
    .limit(1000)
    .subquery()
)
DUE = (
    sa.select(_DUE_JOBS.c.study_instance_uid)
    .group_by(_DUE_JOBS.c.study_instance_uid)
    .order_by(sa.func.min(_DUE_JOBS.c.untold_since))
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
# All lanes are listed, and the lease is named, so that the indexes of the queue are used.
_WAITS = sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane.in_(Lane))
_IS_READ = sa.and_(jobs.c.state == JobState.READING, jobs.c.lease_until.is_not(None))
OVERDUE = (
    sa.select(*columns_of(Job, jobs))
    .where(
        jobs.c.id.in_(
            sa.union_all(*(sa.select(jobs.c.id).where(is_) for is_ in (_WAITS, _IS_READ)))
        ),
        jobs.c.last_received_at <= LONG_AGO,
        # a held series is not late: its rule says when its time is over
        jobs.c.released_at.is_(None) | (jobs.c.released_at <= LONG_AGO),
        jobs.c.overdue_told_at.is_(None),
        # it has an answer already
        jobs.c.lane != Lane.AGAIN,
    )
    .order_by(jobs.c.last_received_at, jobs.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


class TellerLedger:
    """Which studies are to be told about, and what was told of them. Every change is made while
    the study is locked: an answer that comes at the same moment is seen.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def due_studies(self, *, long_ago: datetime, limit: int) -> list[str]:
        """Studies with a job that ended without an answer and of which nobody was told: none of
        their series is pending, or it ended before long_ago.
        """
        with self._database.read() as connection:
            times = {"long_ago": long_ago, "limit": limit}
            return list(connection.execute(DUE, times).scalars())

    def overdue(self, *, long_ago: datetime, limit: int) -> list[Job]:
        """Pending jobs that got no object since long_ago, of which this was not told yet."""
        with self._database.read() as connection:
            times = {"long_ago": long_ago, "limit": limit}
            return as_values(Job, connection.execute(OVERDUE, times))

    def study(self, study_instance_uid: str) -> list[Job]:
        """All its jobs, the oldest first."""
        with self._database.read() as connection:
            return jobs_of_study(connection, study_instance_uid)

    def untold(self, study_instance_uid: str) -> list[Job]:
        """Its jobs that ended without an answer and of which nobody was told, the oldest first."""
        with self._database.read() as connection:
            return as_values(
                Job,
                connection.execute(
                    sa.select(*columns_of(Job, jobs))
                    .where(
                        jobs.c.study_instance_uid == study_instance_uid,
                        jobs.c.untold_since.is_not(None),
                    )
                    .order_by(jobs.c.id)
                ),
            )

    def instances(self, job: Job) -> list[Instance]:
        """The newest version of each object that this revision of the series covers."""
        with self._database.read() as connection:
            return instances_of(connection, job)

    def sources(self, study: Sequence[Job]) -> dict[int, frozenset[str]]:
        """See `sources_of`."""
        with self._database.read() as connection:
            return sources_of(connection, study)

    def previous_result(
        self,
        job: Job,
        kind: str,
        *,
        replaces: Collection[int] = (),
        among: Collection[int] | None = None,
    ) -> Result | None:
        """See `earlier.previous_result`."""
        with self._database.read() as connection:
            return earlier.previous_result(connection, job, kind, replaces=replaces, among=among)

    def earlier_destinations(
        self, job: Job, kind: str, *, replaces: Collection[int] = ()
    ) -> set[str]:
        """See `earlier.destinations`."""
        with self._database.read() as connection:
            return earlier.destinations(connection, job, kind, replaces=replaces)

    def told(
        self,
        jobs_of_one_study: Sequence[Job],
        *,
        seen: Sequence[Job],
        now: datetime,
        by: Job | None,
        results: Sequence[Result] = (),
        destinations: Sequence[str] = (),
        notify: Notify = (),
        replaces: Collection[int] = (),
        why_not: str = "",
    ) -> bool:
        """These jobs, which ended without an answer, need not be told any more: `by`, one of them,
        has the results that say so, owed as by `finish`; None if nothing is to be told, for the
        reason why_not.

        seen: the study as it was when this was decided. False, and nothing changes, if the study
        has changed since: the decision is then made anew.
        """
        ids = [job.id for job in jobs_of_one_study]
        with self._database.write() as connection:
            lock_study(connection, seen[0].study_instance_uid)
            if jobs_of_study(connection, seen[0].study_instance_uid) != list(seen):
                return False
            connection.execute(sa.update(jobs).where(jobs.c.id.in_(ids)).values(untold_since=None))
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.id.in_(replaces))
                .values(in_favour_of=by.id if by else None)
            )
            if by is not None:
                connection.execute(sa.update(jobs).where(jobs.c.id == by.id).values(told_at=now))
                _owe(connection, by, results, destinations, notify, now, event="told")
            else:
                for job_id in ids:
                    note(connection, job_id=job_id, at=now, event="not told", detail=why_not)
        return True

    def told_overdue(
        self,
        late: Sequence[Job],
        *,
        seen: Sequence[Job],
        now: datetime,
        by: Job | None,
        results: Sequence[Result] = (),
        destinations: Sequence[str] = (),
        notify: Notify = (),
    ) -> bool:
        """The same for jobs of one study whose answer is late; by: the one that was told."""
        with self._database.write() as connection:
            lock_study(connection, seen[0].study_instance_uid)
            if jobs_of_study(connection, seen[0].study_instance_uid) != list(seen):
                return False
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.id.in_([job.id for job in late]))
                .values(overdue_told_at=now)
            )
            if by is not None:
                _owe(connection, by, results, destinations, notify, now, event="told overdue")
        return True


def _owe(
    connection: sa.Connection,
    job: Job,
    results: Sequence[Result],
    destinations: Sequence[str],
    notify: Notify,
    now: datetime,
    *,
    event: str,
) -> None:
    owe_all(connection, results, job_id=job.id, destinations=destinations, notify=notify, now=now)
    names = ", ".join([*destinations, *names_of(notify)]) or "no destination"
    note(
        connection,
        job_id=job.id,
        at=now,
        event=event,
        detail=f"{Answer.NOT_ANALYSED}: {len(results)} results for {names}",
    )
