"""What the node has to do, in a few numbers: asked every few seconds, and as quick in a ledger of a
million jobs as in a new one. What has ended is not counted here (counts.py does).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.tables import IS_OWED, UtcDateTime, deliveries, jobs

MOST_COUNTED = 100_000  # of one kind: a backlog of weeks is not counted to its end


class Stage(StrEnum):
    """Where a job that wants something is. again: an operator wants it to be read again."""

    ARRIVING = "arriving"
    WAITING = "waiting"
    READING = "reading"
    AGAIN = "again"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class JobsAt:
    """oldest: since when one of them has been ready to be read; of ARRIVING since when it has been
    arriving; None if there are none. age_seconds: for how long that is; 0 if there are none, or if
    the clock was set back.
    """

    jobs: int
    oldest: datetime | None
    age_seconds: float


@dataclass(frozen=True, kw_only=True)
class OwedTo:
    """How many objects and messages a destination is still to get, how many of these it has and did
    not yet confirm to keep, and how many were given up. oldest: since when one has been owed that
    was not given up; age_seconds: for how long.
    """

    destination: str
    owed: int
    uncommitted: int
    failed: int
    oldest: datetime | None
    age_seconds: float


class StatusLedger:
    """Only reads."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def jobs_by_state(self, now: datetime) -> Mapping[Stage, JobsAt]:
        """Every stage, in its order."""
        with self._database.read() as connection:
            return {
                stage: JobsAt(jobs=row.number, oldest=row.oldest, age_seconds=_age(row.oldest, now))
                for stage in Stage
                for row in connection.execute(_AT[stage], {"now": now})
            }

    def owed_by_destination(self, now: datetime) -> list[OwedTo]:
        """By name; only those that are owed something, or for which something was given up."""
        states: dict[str, dict[DeliveryState, sa.Row[Any]]] = {}
        with self._database.read() as connection:
            for row in connection.execute(_OWED):
                states.setdefault(row.destination, {})[row.state] = row
        return [_owed_to(destination, rows, now) for destination, rows in sorted(states.items())]

    def positive_share(self, *, since: datetime) -> float | None:
        """Of the series that came since then and are known to bleed or not; None without any."""
        with self._database.read() as connection:
            present, absent = (
                connection.execute(
                    sa.select(sa.func.count()).where(
                        jobs.c.answer == answer, jobs.c.first_received_at >= since
                    )
                ).scalar_one()
                for answer in (Answer.PRESENT, Answer.ABSENT)
            )
        return present / (present + absent) if present + absent else None

    def newest_job(self) -> int:
        """The number of the newest job, 0 without any: as many were made since the ledger was."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.max(jobs.c.id))).scalar() or 0


def _owed_to(destination: str, rows: Mapping[DeliveryState, sa.Row[Any]], now: datetime) -> OwedTo:
    number = {state: row.number for state, row in rows.items()}
    failed = number.pop(DeliveryState.FAILED, 0)
    waiting = [row.oldest for state, row in rows.items() if state is not DeliveryState.FAILED]
    oldest = min(waiting, default=None)
    return OwedTo(
        destination=destination,
        owed=sum(number.values()),
        uncommitted=number.get(DeliveryState.STORED, 0),
        failed=failed,
        oldest=oldest,
        age_seconds=_age(oldest, now),
    )


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


_NOW = sa.bindparam("now", type_=UtcDateTime())
_FIRST_LANES = [lane for lane in Lane if lane is not Lane.AGAIN]
_WAITS = sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane.in_(_FIRST_LANES))


def _at(
    where: sa.ColumnElement[bool], since: sa.Column[Any] = jobs.c.ready_at
) -> sa.Select[int, Any]:
    """The statements are constants: they are asked all the time."""
    found = sa.select(since.label("since")).where(where).limit(MOST_COUNTED).subquery()
    return sa.select(
        sa.func.count().label("number"), sa.func.min(found.c.since).label("oldest")
    ).select_from(found)


_AT: Mapping[Stage, sa.Select[int, Any]] = {
    Stage.ARRIVING: _at(sa.and_(_WAITS, jobs.c.ready_at > _NOW), jobs.c.first_received_at),
    Stage.WAITING: _at(sa.and_(_WAITS, jobs.c.ready_at <= _NOW)),
    Stage.READING: _at(sa.and_(jobs.c.state == JobState.READING, jobs.c.lane != Lane.AGAIN)),
    Stage.AGAIN: _at(
        sa.and_(jobs.c.state.in_((JobState.WAITING, JobState.READING)), jobs.c.lane == Lane.AGAIN)
    ),
    Stage.HELD: _at(jobs.c.state == JobState.HELD),
    # one whose files were removed cannot be read any more
    Stage.FAILED: _at(sa.and_(jobs.c.state == JobState.FAILED, jobs.c.swept_at.is_(None))),
}
_OWED = (
    sa.select(
        deliveries.c.destination,
        deliveries.c.state,
        sa.func.count().label("number"),
        sa.func.min(deliveries.c.first_at).label("oldest"),
    )
    .where(IS_OWED)
    .group_by(deliveries.c.destination, deliveries.c.state)
)
