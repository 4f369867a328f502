"""The analyser's part of the ledger: claim a job, keep its lease, record what became of it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from ich_node.answer import Answer
from ich_node.ledger import earlier
from ich_node.ledger.changes import Changes
from ich_node.ledger.claims import (
    ANY_AGAIN,
    CLAIM_AGAIN,
    CLAIMS,
    GONE,
    PATIENCE,
    READY_IN_LANES,
    WHOSE_TURN,
    claim_times,
    fail_crashed,
)
from ich_node.ledger.database import Database
from ich_node.ledger.endings import NO_LEASE, put_back, without_answer
from ich_node.ledger.holds import end_earlier_holds
from ich_node.ledger.instances import instances_of, older_versions_of, sources_of
from ich_node.ledger.journal import events_of, note
from ich_node.ledger.map_files import keep_map_file
from ich_node.ledger.owed import Notify, names_of, owe_all
from ich_node.ledger.pauses import PauseLedger
from ich_node.ledger.previews import PreviewLedger
from ich_node.ledger.rows import Instance, Job, JobEvent, LeaseLost, MapFile, Result
from ich_node.ledger.scans import Scan, keep_scan
from ich_node.ledger.second_readings import SecondReadingLedger
from ich_node.ledger.shadows import ask_shadow
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.studies import jobs_of_study, lock_study
from ich_node.ledger.tables import as_values, columns_of, jobs


class AnalyserLedger:
    """Hands out each job to one process at a time, for as long as its lease holds.

    previews: for series that still arrive. second_readings: by other bundles.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self.previews = PreviewLedger(database=database)
        self.second_readings = SecondReadingLedger(database=database)
        self.pauses = PauseLedger(database=database)

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
        held = {"owner": owner, "until": now + lease, "most_attempts": max_attempts}
        try:
            with self._database.write() as connection:
                fail_crashed(connection, now, max_attempts)
                turn = connection.execute(WHOSE_TURN, claim_times(now)).scalar()
                if turn is None:
                    return None
                is_taken_over = turn == GONE
                return _claimed(connection, CLAIMS[turn], now, held, is_taken_over=is_taken_over)
        except sa.exc.IntegrityError:
            # PostgreSQL: another analyser claimed another job of the same study at this moment
            # (unique index on READING); ours waits
            return None

    def claim_again(
        self, *, owner: str, now: datetime, lease: timedelta, max_attempts: int
    ) -> Job | None:
        """The same for a series that an operator wants to be read again: only where `claim` has
        none.
        """
        with self._database.read() as connection:
            if connection.execute(ANY_AGAIN, {"now": now}).first() is None:
                return None
        if self.is_any_ready(now=now):
            return None
        held = {"owner": owner, "until": now + lease, "most_attempts": max_attempts}
        try:
            with self._database.write() as connection:
                return _claimed(connection, CLAIM_AGAIN, now, held)
        except sa.exc.IntegrityError:
            return None  # as in `claim`

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
        """Whether `claim` would find a job."""
        with self._database.read() as connection:
            return connection.execute(WHOSE_TURN, claim_times(now)).scalar() is not None

    def instances(self, job: Job) -> list[Instance]:
        """The newest version of each object that this revision of the series covers."""
        with self._database.read() as connection:
            return instances_of(connection, job)

    def sources(self, study: Sequence[Job]) -> dict[int, frozenset[str]]:
        """See `sources_of`."""
        with self._database.read() as connection:
            return sources_of(connection, study)

    def older_versions(self, job: Job) -> list[Instance]:
        """What came before them under the same SOP Instance UIDs; oldest first."""
        with self._database.read() as connection:
            return older_versions_of(connection, job)

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
        answer: Answer,
        series_probability: float,
        bundle_sha256: str,
        results: Sequence[Result],
        destinations: Sequence[str],
        notify: Notify = (),
        detail: str | None = None,
        replaces: Collection[int] = (),
        in_favour_of: int | None = None,
        rule: str | None = None,
        scan: Scan | None = None,
        map_file: MapFile | None = None,
    ) -> None:
        """The job is DONE. Each resulting object is owed to each of `destinations`, a notification
        as `notify` says (owed.py). Raises LeaseLost.

        The same if in_favour_of was withdrawn meanwhile: the series is read again when the lease
        has run out.

        detail: what people should know about the answer. replaces: jobs whose answer stands no
        longer. in_favour_of: the job whose answer stands, if this one is not told. rule: of the
        site, that decided that the series is read. scan: what statistics need of the series.
        map_file: for people who look.

        One transaction: a crash between DONE and the deliveries would lose a report for ever.
        """
        with self._database.write() as connection:
            lock_study(connection, job.study_instance_uid)
            values = {
                "answer": answer,
                "series_probability": series_probability,
                "bundle_sha256": bundle_sha256,
                "reason": None,
                "detail": detail,
                "in_favour_of": in_favour_of,
                "rule": rule,
            }
            _update_held(connection, job, state=JobState.DONE, **values, **NO_LEASE)
            if _is_withdrawn(connection, in_favour_of):
                raise LeaseLost(f"job {in_favour_of} was withdrawn meanwhile: this one is not told")
            connection.execute(
                sa.update(jobs).where(jobs.c.id.in_(replaces)).values(in_favour_of=job.id)
            )
            if scan is not None:
                keep_scan(connection, job.id, scan, answered_at=now)
            if map_file is not None:
                keep_map_file(connection, job.id, map_file, bundle_sha256=bundle_sha256)
            if answer is Answer.UNDETERMINED:
                put_back(connection, job.id, now)
            ask_shadow(connection, job, read_by=bundle_sha256, now=now)
            owe_all(
                connection,
                results,
                job_id=job.id,
                destinations=destinations,
                notify=notify,
                now=now,
            )
            names = ", ".join([*destinations, *names_of(notify)]) or "no destination"
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
        rule: str | None = None,
        scan: Scan | None = None,
    ) -> None:
        """The series is not one that this node reads; the job is REFUSED, and somebody has to be
        told (telling.py). rule: that refuses it, of the site or shipped. Raises LeaseLost.
        """
        with self._database.write() as connection:
            lock_study(connection, job.study_instance_uid)
            values = {"reason": reason, "detail": detail, "rule": rule, **without_answer(now)}
            _update_held(connection, job, state=JobState.REFUSED, **values, **NO_LEASE)
            if scan is not None:
                keep_scan(connection, job.id, scan, answered_at=now)
            note(connection, job_id=job.id, at=now, event="refused", detail=f"{reason}: {detail}")
            put_back(connection, job.id, now)

    def set_aside(self, job: Job, *, now: datetime, in_favour_of: int, detail: str) -> None:
        """Another job is read instead, or was; the job is SET_ASIDE, and the attempt does not
        count. The other one waits in this one's lane, if that is earlier. Raises LeaseLost.
        """
        with self._database.write() as connection:
            _update_held(
                connection,
                job,
                state=JobState.SET_ASIDE,
                attempts=job.attempts - 1,
                detail=detail,
                in_favour_of=in_favour_of,
                **NO_LEASE,
            )
            note(connection, job_id=job.id, at=now, event="set aside", detail=detail)
            connection.execute(
                sa.update(jobs)
                .where(
                    jobs.c.id == in_favour_of,
                    jobs.c.state == JobState.WAITING,
                    jobs.c.lane > job.lane,
                    # it would keep ordinary ones waiting
                    (jobs.c.lane != Lane.LARGE) | sa.literal(job.lane is Lane.URGENT),
                )
                .values(lane=job.lane)
            )

    def hold(self, job: Job, *, now: datetime, until: datetime, rule: str, detail: str) -> None:
        """A rule of the site holds the job back: it is HELD, and the attempt does not count. Raises
        LeaseLost.

        Other reconstructions that were set aside for it do not wait for it, and an earlier revision
        that is held is never read: this one covers all its objects.
        """
        with self._database.write() as connection:
            lock_study(connection, job.study_instance_uid)
            _update_held(
                connection,
                job,
                state=JobState.HELD,
                attempts=job.attempts - 1,
                rule=rule,
                detail=detail,
                held_until=until,
                **NO_LEASE,
            )
            note(connection, job_id=job.id, at=now, event="held", detail=f"{rule}: {detail}")
            put_back(connection, job.id, now)
            end_earlier_holds(connection, job, now)

    def study(self, job: Job) -> list[Job]:
        """All jobs of its study, the oldest first."""
        with self._database.read() as connection:
            return jobs_of_study(connection, job.study_instance_uid)

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

    def fail(
        self, job: Job, *, now: datetime, reason: str, detail: str, retry_at: datetime | None
    ) -> bool:
        """This attempt failed. The job is FAILED if retry_at is None or this was the last attempt
        allowed, else ready again at retry_at; whether it is FAILED. Raises LeaseLost.
        """
        with self._database.write() as connection:
            lock_study(connection, job.study_instance_uid)
            # set by the claim that this process holds
            allowed = connection.execute(
                sa.select(jobs.c.max_attempts).where(jobs.c.id == job.id)
            ).scalar_one()
            said = {"reason": reason, "detail": detail, **NO_LEASE}
            if retry_at is not None and job.attempts < allowed:
                event = "try failed"
                _update_held(connection, job, state=JobState.WAITING, ready_at=retry_at, **said)
            else:
                event = "failed"
                _update_held(connection, job, state=JobState.FAILED, **said, **without_answer(now))
                put_back(connection, job.id, now)
            note(connection, job_id=job.id, at=now, event=event, detail=f"{reason}: {detail}")
        return event == "failed"


def _claimed(
    connection: sa.Connection,
    claim: ReturningUpdate[Any],
    now: datetime,
    held: dict[str, Any],
    *,
    is_taken_over: bool = False,
) -> Job | None:
    """is_taken_over: from a process that ended or hung."""
    claimed = as_values(Job, connection.execute(claim, claim_times(now) | held))
    if not claimed:
        return None
    (job,) = claimed
    detail = f"try {job.attempts}, by {job.lease_owner}"
    if is_taken_over:
        detail += "; the process that read it before ended or hung"
    note(connection, job_id=job.id, at=now, event="claimed", detail=detail)
    return job


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


def _is_withdrawn(connection: sa.Connection, job_id: int | None) -> bool:
    """The study is locked, so it stays true."""
    withdrawn = sa.select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.withdrawn_at.is_not(None))
    return job_id is not None and connection.execute(withdrawn).first() is not None
