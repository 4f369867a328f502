"""What radiologists say about series that were read: labels for calibration and training."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.journal import note
from ich_node.ledger.rows import Job
from ich_node.ledger.states import JobState
from ich_node.ledger.studies import jobs_of_study
from ich_node.ledger.tables import as_values, columns_of, instances, jobs, results, verdicts
from ich_node.percent import counted

TABLE, SELECTION, SITE, WEBHOOK = "table", "key objects", "site", "webhook"
MOST_IN_ONE_QUERY = 500


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One reader's verdict about one job.

    bleeding: None = unknown. type: words such as "subdural"; "quality" if the images are bad. who:
    the reader. origin: TABLE, SELECTION, SITE or WEBHOOK. origin_uid: of the Key Object Selection,
    or of the message. slices: SOP Instance UIDs of the marked slices, one a line.
    """

    job_id: int
    at: datetime
    bleeding: bool | None
    type: str
    who: str
    origin: str
    origin_uid: str | None = None
    slices: str = ""
    comment: str = ""

    @property
    def slice_uids(self) -> tuple[str, ...]:
        return tuple(self.slices.split())

    @property
    def words(self) -> str:
        """For people."""
        answer = {True: "bleeding", False: "no bleeding", None: "bleeding unknown"}[self.bleeding]
        marked = len(self.slice_uids)
        slices = f"{marked} {'slice' if marked == 1 else 'slices'} marked" if marked else ""
        return ", ".join(filter(None, (answer, self.type, slices)))


class Recorded(Enum):
    """What became of a verdict."""

    NEW = "new"
    SAME = "known before"
    REPLACED = "replaces an earlier one"
    OUTDATED = "older than what is known"
    """A message of the webhook came late: the reader has said something since."""


class VerdictLedger:
    """Records verdicts and gives them as labels."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def record(self, given: Sequence[Verdict], *, by: str) -> list[Recorded]:
        """All of them, or none if the ledger fails. A verdict of a table, or of the site, replaces
        the one that the same reader gave there before, and so does one of the webhook, unless it is
        older; one of a Key Object Selection replaces that of the same object. by: who imported it,
        for the journal.
        """
        with self._database.write() as connection:
            lock_writers(connection, verdicts)
            return [_record(connection, verdict, by=by) for verdict in given]

    def remove(
        self, job_id: int, *, who: str | None, by: str, now: datetime, origin: str | None = None
    ) -> int:
        """Forget what was said about a job, by this reader or, with None, by anybody; how many
        verdicts. origin: only those of this one. A Key Object Selection that is sent again counts
        again.
        """
        theirs = sa.and_(
            sa.true() if who is None else verdicts.c.who == who,
            sa.true() if origin is None else verdicts.c.origin == origin,
        )
        with self._database.write() as connection:
            removed = connection.execute(
                sa.delete(verdicts).where(verdicts.c.job_id == job_id, theirs)
            ).rowcount
            if removed:
                detail = f"{counted(removed, 'verdict')}, by {by}"
                note(connection, job_id=job_id, at=now, event="verdict removed", detail=detail)
        return removed

    def of_job(self, job_id: int) -> list[Verdict]:
        """The oldest first."""
        return self._selected(verdicts.c.job_id == job_id)

    def since(self, since: datetime | None) -> list[Verdict]:
        """All that were given since then, the oldest first."""
        return self._selected(sa.true() if since is None else verdicts.c.at >= since)

    def labels(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> dict[int, bool]:
        """Bleeding or not, for each job that was received in this time and has a verdict: the
        latest of each reader. Where readers disagree, nothing is known. A verdict about a series
        that was set aside counts for the job that was read instead.
        """
        with self._database.read() as connection:
            return labels_of(connection, since, until)

    def jobs_of_series(self, series_instance_uid: str) -> list[Job]:
        """The job that a verdict about this series is about; none if it was never received."""
        with self._database.read() as connection:
            return _newest_of_series(connection, [series_instance_uid])

    def jobs_of_study(self, study_instance_uid: str) -> list[Job]:
        """The jobs that a verdict about this study is about (`told_of`)."""
        with self._database.read() as connection:
            return told_of(jobs_of_study(connection, study_instance_uid))

    def read_jobs(self, since: datetime | None, until: datetime | None) -> list[Job]:
        """The jobs that were received in this time and whose answers stand, the oldest first."""
        query = sa.select(*columns_of(Job, jobs)).where(
            jobs.c.state == JobState.DONE, jobs.c.in_favour_of.is_(None), *_received(since, until)
        )
        with self._database.read() as connection:
            return as_values(Job, connection.execute(query.order_by(jobs.c.id)))

    def is_result(self, sop_instance_uid: str) -> bool:
        """Whether this node made the object."""
        query = sa.select(results.c.id).where(results.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def referenced(self, series_of: Mapping[str, str]) -> dict[int, tuple[str, ...]]:
        """The jobs that these objects belong to, with those of the objects that are slices.

        series_of: the series of each SOP Instance UID, which finds it when the objects themselves
        were removed; empty if unknown. A result of this node belongs to the job that it is about.
        """
        uids = list(series_of)
        found: dict[int, list[str]] = defaultdict(list)
        with self._database.read() as connection:
            made = _by_uid(connection, results.c.sop_instance_uid, results.c.job_id, uids)
            held = _by_uid(
                connection, instances.c.sop_instance_uid, instances.c.series_instance_uid, uids
            )
            series: dict[str, str] = {
                uid: held.get(uid, series_of[uid]) for uid in uids if uid not in made
            }
            newest = {
                job.series_instance_uid: job.id
                for job in _newest_of_series(connection, sorted(set(series.values())))
            }
        for job_id in made.values():
            found[job_id] += []
        for uid, of_series in series.items():
            if of_series in newest:
                found[newest[of_series]].append(uid)
        return {job_id: tuple(slices) for job_id, slices in found.items()}

    def _selected(self, chosen: sa.ColumnElement[bool]) -> list[Verdict]:
        query = sa.select(*columns_of(Verdict, verdicts)).where(chosen)
        with self._database.read() as connection:
            return as_values(Verdict, connection.execute(query.order_by(verdicts.c.id)))


def told_of(study: Iterable[Job]) -> list[Job]:
    """Of all jobs of a study those whose answers stand; if none has an answer, the newest
    revision of each series.
    """
    newest = _newest(study)
    return [job for job in newest if _stands(job)] or newest


def _stands(job: Job) -> bool:
    return job.state is JobState.DONE and job.in_favour_of is None


def _newest(found: Iterable[Job]) -> list[Job]:
    """Of each series the newest revision that has an answer, else the newest."""
    best: dict[tuple[str, str], Job] = {}
    for job in sorted(found, key=lambda job: (job.state is JobState.DONE, job.revision)):
        best[job.study_instance_uid, job.series_instance_uid] = job
    return sorted(best.values(), key=lambda job: job.id)


def _newest_of_series(connection: sa.Connection, uids: Sequence[str]) -> list[Job]:
    query = sa.select(*columns_of(Job, jobs)).where(jobs.c.series_instance_uid.in_(uids))
    return _newest(as_values(Job, connection.execute(query)))


def _by_uid(
    connection: sa.Connection, uid: sa.Column[Any], value: sa.Column[Any], uids: Sequence[str]
) -> dict[str, Any]:
    """For each of these UIDs that is known the value in its row."""
    found: dict[str, Any] = {}
    for start in range(0, len(uids), MOST_IN_ONE_QUERY):
        some = uids[start : start + MOST_IN_ONE_QUERY]
        rows = connection.execute(sa.select(uid, value).where(uid.in_(some)))
        found |= {row[0]: row[1] for row in rows}
    return found


def labels_of(
    connection: sa.Connection, since: datetime | None, until: datetime | None
) -> dict[int, bool]:
    """See `VerdictLedger.labels`."""
    query = (
        sa.select(
            sa.func.coalesce(jobs.c.in_favour_of, jobs.c.id).label("job"),
            verdicts.c.who,
            verdicts.c.bleeding,
        )
        .join(jobs, jobs.c.id == verdicts.c.job_id)
        .where(verdicts.c.bleeding.is_not(None), *_received(since, until))
        .order_by(verdicts.c.at, verdicts.c.id)
    )
    rows = connection.execute(query).all()
    latest = {(row.job, row.who): bool(row.bleeding) for row in rows}
    said: dict[int, set[bool]] = defaultdict(set)
    for (job_id, _), bleeding in latest.items():
        said[job_id].add(bleeding)
    return {job_id: answers.pop() for job_id, answers in said.items() if len(answers) == 1}


def _record(connection: sa.Connection, verdict: Verdict, *, by: str) -> Recorded:
    same_origin = (
        verdicts.c.origin_uid == verdict.origin_uid
        if verdict.origin == SELECTION
        else verdicts.c.who == verdict.who
    )
    key = sa.and_(
        verdicts.c.job_id == verdict.job_id, verdicts.c.origin == verdict.origin, same_origin
    )
    before = as_values(
        Verdict, connection.execute(sa.select(*columns_of(Verdict, verdicts)).where(key))
    )
    if before and _content(before[0]) == _content(verdict):
        return Recorded.SAME
    if before and verdict.origin == WEBHOOK and before[0].at > verdict.at:
        return Recorded.OUTDATED
    if before:
        connection.execute(sa.update(verdicts).where(key).values(**asdict(verdict)))
    else:
        connection.execute(sa.insert(verdicts).values(**asdict(verdict)))
    outcome = Recorded.REPLACED if before else Recorded.NEW
    earlier = f", instead of {before[0].words}" if before else ""
    note(
        connection,
        job_id=verdict.job_id,
        at=verdict.at,
        event="verdict",
        detail=f"{verdict.words}{earlier}; {verdict.origin}, by {by}",
    )
    return outcome


def _content(verdict: Verdict) -> tuple[object, ...]:
    return verdict.bleeding, verdict.type, verdict.who, verdict.slices, verdict.comment


def _received(since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    at = jobs.c.first_received_at
    return [
        *([at >= sa.literal(since, at.type)] if since else []),
        *([at < sa.literal(until, at.type)] if until else []),
    ]
