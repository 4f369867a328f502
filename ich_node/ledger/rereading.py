"""The operator's part for reading again: which jobs can be read by another bundle, and the request
for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any

import sqlalchemy as sa

from ich_node.errors import Unavailable
from ich_node.ledger.database import Database
from ich_node.ledger.journal import note
from ich_node.ledger.revisions import open_revision
from ich_node.ledger.rows import SecondReading
from ich_node.ledger.states import JobState, Lane, ReadingState
from ich_node.ledger.tables import as_values, columns_of, job_events, jobs, readings

REREAD = "reread"
# in one transaction: a receiver that waits for it must not wait long
MOST_AT_ONCE = 200
TRIES = 5
_other = jobs.alias("other")
_OF_SERIES = sa.and_(
    _other.c.series_instance_uid == jobs.c.series_instance_uid,
    _other.c.study_instance_uid == jobs.c.study_instance_uid,
)
_LATER = sa.and_(_OF_SERIES, _other.c.revision > jobs.c.revision)


class NotReread(StrEnum):
    """Why a job is not read again."""

    NOT_DONE = auto()
    SWEPT = auto()
    KNOWN = auto()
    """By this bundle, or soon."""
    WITHDRAWN = auto()
    OUTDATED = auto()
    """There is a later revision."""
    NOT_TOLD = auto()
    """Another answer stands instead."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which jobs: these, or the newest answered revision of each series that arrived in a time."""

    job_ids: Sequence[int] = ()
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> sa.ColumnElement[bool]:
        if self.job_ids:
            return jobs.c.id.in_(self.job_ids)
        at = jobs.c.first_received_at
        answered_later = sa.select(_other.c.id).where(_LATER, _other.c.state == JobState.DONE)
        return sa.and_(
            at >= self.since if self.since else sa.true(),
            at < self.until if self.until else sa.true(),
            ~answered_later.exists(),
        )


@dataclass(frozen=True, kw_only=True)
class NewReader:
    """The bundle that reads again. path: of the copy that the node keeps; is_active: it is the one
    that reads now.
    """

    name: str
    sha256: str
    path: str
    is_active: bool = False


@dataclass(frozen=True, kw_only=True)
class RereadPlan:
    """job_ids: those that can be read again. left_out: the others, by the reason."""

    job_ids: tuple[int, ...]
    left_out: Mapping[NotReread, tuple[int, ...]]

    @property
    def total(self) -> int:
        return len(self.job_ids) + sum(map(len, self.left_out.values()))


class RereadLedger:
    """Asks for readings beside the answers, or for new revisions that replace them."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def plan(self, wanted: Wanted, *, sha256: str, deliver: bool) -> RereadPlan:
        """What `ask` would do; nothing changes. deliver: the new answers are to be told."""
        with self._database.read() as connection:
            return _plan(connection, wanted, sha256=sha256, deliver=deliver)

    def ask(
        self, plan: RereadPlan, reader: NewReader, *, deliver: bool, who: str, now: datetime
    ) -> int:
        """Of how many jobs of the plan it is asked for; not of those that have changed since."""
        asked = 0
        for start in range(0, len(plan.job_ids), MOST_AT_ONCE):
            some = Wanted(job_ids=plan.job_ids[start : start + MOST_AT_ONCE])
            asked += self._ask_some(some, reader, deliver=deliver, who=who, now=now)
        return asked

    def _ask_some(
        self, some: Wanted, reader: NewReader, *, deliver: bool, who: str, now: datetime
    ) -> int:
        for _ in range(TRIES):
            try:
                with self._database.write() as connection:
                    if deliver:
                        _lock(connection, some)
                    plan = _plan(connection, some, sha256=reader.sha256, deliver=deliver)
                    (_open_revisions if deliver else _ask)(
                        connection, plan.job_ids, reader, who=who, now=now
                    )
                    return len(plan.job_ids)
            except sa.exc.IntegrityError:
                # PostgreSQL: at this moment a late object opened the same revision, or somebody
                # asked for the same
                continue
        raise Unavailable("other processes keep changing these series; try again")

    def of_job(self, job_id: int) -> list[SecondReading]:
        """The readings beside its answer, the oldest first."""
        query = (
            sa.select(*columns_of(SecondReading, readings))
            .where(readings.c.job_id == job_id)
            .order_by(readings.c.id)
        )
        with self._database.read() as connection:
            return as_values(SecondReading, connection.execute(query))

    def progress(self) -> dict[tuple[str, str], dict[ReadingState, int]]:
        """How many readings that an operator asked for are in each state, by the name and hash of
        the bundle.
        """
        query = (
            sa.select(
                readings.c.bundle_name,
                readings.c.bundle_sha256,
                readings.c.state,
                sa.func.count(),
            )
            .where(readings.c.purpose == REREAD)
            .group_by(readings.c.bundle_name, readings.c.bundle_sha256, readings.c.state)
            .order_by(readings.c.bundle_name, readings.c.bundle_sha256)
        )
        counts: dict[tuple[str, str], dict[ReadingState, int]] = defaultdict(dict)
        with self._database.read() as connection:
            for name, sha256, state, count in connection.execute(query):
                counts[name, sha256][state] = count
        return dict(counts)

    def delivering(self) -> int:
        """How many revisions wait to be read again and told."""
        waiting = sa.select(sa.func.count()).where(
            jobs.c.state.in_((JobState.WAITING, JobState.READING)), jobs.c.lane == Lane.AGAIN
        )
        with self._database.read() as connection:
            return connection.execute(waiting).scalar_one()


def _lock(connection: sa.Connection, some: Wanted) -> None:
    """On PostgreSQL: nobody withdraws their answers until the end of the transaction."""
    locked = sa.select(jobs.c.id).where(some.where()).order_by(jobs.c.id)
    connection.execute(locked.with_for_update())


def _plan(connection: sa.Connection, wanted: Wanted, *, sha256: str, deliver: bool) -> RereadPlan:
    known = sa.select(readings.c.id).where(
        readings.c.job_id == jobs.c.id,
        readings.c.bundle_sha256 == sha256,
        readings.c.state.not_in((ReadingState.FAILED, ReadingState.SWEPT)),
    )
    reasons = [
        (jobs.c.state != JobState.DONE, NotReread.NOT_DONE),
        (jobs.c.swept_at.is_not(None), NotReread.SWEPT),
    ]
    if deliver:
        reasons += [
            (jobs.c.withdrawn_at.is_not(None), NotReread.WITHDRAWN),
            (sa.select(_other.c.id).where(_LATER).exists(), NotReread.OUTDATED),
            (jobs.c.in_favour_of.is_not(None), NotReread.NOT_TOLD),
            (jobs.c.bundle_sha256 == sha256, NotReread.KNOWN),
        ]
    else:
        reasons += [((jobs.c.bundle_sha256 == sha256) | known.exists(), NotReread.KNOWN)]
    why = sa.case(*((where, sa.literal(reason.value)) for where, reason in reasons), else_=None)
    found = connection.execute(sa.select(jobs.c.id, why).where(wanted.where()).order_by(jobs.c.id))
    possible: list[int] = []
    left_out: dict[NotReread, list[int]] = defaultdict(list)
    for job_id, reason in found:
        if reason is None:
            possible.append(job_id)
        else:
            left_out[NotReread(reason)].append(job_id)
    return RereadPlan(
        job_ids=tuple(possible),
        left_out={reason: tuple(left_out[reason]) for reason in NotReread if reason in left_out},
    )


def _ask(
    connection: sa.Connection, job_ids: Sequence[int], reader: NewReader, *, who: str, now: datetime
) -> None:
    if not job_ids:
        return
    # those that failed before
    connection.execute(
        sa.delete(readings).where(
            readings.c.job_id.in_(job_ids), readings.c.bundle_sha256 == reader.sha256
        )
    )
    asked: dict[str, Any] = {
        "purpose": REREAD,
        "bundle_sha256": reader.sha256,
        "bundle_name": reader.name,
        "bundle_path": reader.path,
        "state": ReadingState.WAITING,
        "requested_at": now,
        "who": who,
        "attempts": 0,
    }
    connection.execute(sa.insert(readings), [{"job_id": job_id, **asked} for job_id in job_ids])
    event = {"at": now, "event": "to be read again", "detail": _detail(reader, who)}
    connection.execute(sa.insert(job_events), [{"job_id": job_id, **event} for job_id in job_ids])


def _open_revisions(
    connection: sa.Connection, job_ids: Sequence[int], reader: NewReader, *, who: str, now: datetime
) -> None:
    rows = connection.execute(sa.select(jobs).where(jobs.c.id.in_(job_ids)).order_by(jobs.c.id))
    for row in rows.mappings().all():
        new = open_revision(
            connection,
            row,
            now=now,
            event="to be read again",
            why=_detail(reader, who),
            lane=Lane.AGAIN,
            transfer_aborted=row["transfer_aborted"],
            read_with=None if reader.is_active else reader.path,
        )
        detail = f"{_detail(reader, who)}, as job {new}"
        note(connection, job_id=row["id"], at=now, event="to be read again", detail=detail)


def _detail(reader: NewReader, who: str) -> str:
    return f"by {reader.name} {reader.sha256[:12]}, asked by {who}"
