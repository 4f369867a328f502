"""What the node does at this moment: what arrives, waits, is read and sent, and what came of the
newest series. Asked every few seconds: each question follows an index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.tables import as_values, deliveries, instances, job_events, jobs

ENDED = (JobState.DONE, JobState.REFUSED, JobState.FAILED)
ENDINGS = ("done", "refused", "failed")  # their events
MOST_COUNTED = 100_000  # of one lane


@dataclass(frozen=True, kw_only=True)
class Arriving:
    """A series that is not complete. ready_at: when it will be, if nothing else arrives."""

    id: int
    series_instance_uid: str
    source: str
    objects: int
    first_received_at: datetime
    last_received_at: datetime
    ready_at: datetime


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The jobs of one lane that wait to be read. oldest: since when one of them has been ready."""

    lane: Lane
    jobs: int
    oldest: datetime


@dataclass(frozen=True, kw_only=True)
class BeingRead:
    """since: of the last claim. owner: HOST:PID.TOKEN."""

    id: int
    series_instance_uid: str
    source: str
    objects: int
    lane: Lane
    owner: str
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class BeingSent:
    """How many objects and messages go to a destination now."""

    destination: str
    objects: int


@dataclass(frozen=True, kw_only=True)
class SeriesOutcome:
    """A series that has ended. ended_at: when it last did; None if that was not noted."""

    id: int
    state: JobState
    series_instance_uid: str
    source: str
    reason: str | None
    answer: Answer | None
    series_probability: float | None
    withdrawn_at: datetime | None
    lane: Lane
    last_received_at: datetime
    ended_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """From its last slice to the result; None if that is not known, or says nothing about the
        node: an operator had it read again.
        """
        if self.ended_at is None or self.lane is Lane.AGAIN:
            return None
        return max(0.0, (self.ended_at - self.last_received_at).total_seconds())


@dataclass(frozen=True, kw_only=True)
class LastObject:
    """The object that came last."""

    received_at: datetime
    source: str


class CurrentLedger:
    """Only reads."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def arriving(self, now: datetime, *, limit: int) -> list[Arriving]:
        """The latest first."""
        query = _ARRIVING.limit(limit)
        with self._database.read() as connection:
            return as_values(Arriving, connection.execute(query, {"now": now}))

    def last_object(self) -> LastObject | None:
        query = sa.select(instances.c.received_at, instances.c.source)
        newest = query.order_by(instances.c.id.desc()).limit(1)
        with self._database.read() as connection:
            found = as_values(LastObject, connection.execute(newest))
        return found[0] if found else None

    def queues(self, now: datetime) -> list[Queue]:
        """Of each lane in which something waits, the first lane first."""
        found = []
        with self._database.read() as connection:
            for lane in Lane:
                row = connection.execute(_QUEUED, {"now": now, "lane": lane}).one()
                if row.number:
                    found.append(Queue(lane=lane, jobs=row.number, oldest=row.oldest))
        return found

    def being_read(self) -> list[BeingRead]:
        """The longest first."""
        with self._database.read() as connection:
            return as_values(BeingRead, connection.execute(_BEING_READ))

    def being_sent(self) -> list[BeingSent]:
        """By destination."""
        with self._database.read() as connection:
            return as_values(BeingSent, connection.execute(_BEING_SENT))

    def newest_outcomes(self, *, limit: int) -> list[SeriesOutcome]:
        """The newest result first."""
        with self._database.read() as connection:
            newest = [
                job_id
                for state in ENDED
                for job_id in connection.execute(_newest_of(state, limit)).scalars()
            ]
            found = _outcomes(connection, newest)
        return sorted(found, key=lambda each: each.ended_at or each.last_received_at)[::-1][:limit]

    def outcomes_since(self, since: datetime, *, limit: int) -> list[SeriesOutcome]:
        """Of the newest `limit` series whose first object came since then."""
        newest = (
            sa.select(jobs.c.id)
            .where(jobs.c.first_received_at >= since)
            .order_by(jobs.c.first_received_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            ids = connection.execute(newest).scalars().all()
            return [each for each in _outcomes(connection, ids) if each.state in ENDED]


def _outcomes(connection: sa.Connection, ids: Sequence[int]) -> list[SeriesOutcome]:
    """Found by their numbers alone: with a state besides, SQLite follows the index of states."""
    return as_values(SeriesOutcome, connection.execute(_OUTCOMES, {"ids": ids}))


def _columns(*names: str) -> Sequence[sa.Column[Any]]:
    return [jobs.c[name] for name in names]


def _newest_of(state: JobState, limit: int) -> sa.Select[Any]:
    return (
        sa.select(jobs.c.id)
        .where(jobs.c.state == state)
        .order_by(jobs.c.first_received_at.desc())
        .limit(limit)
    )


_NOW = sa.bindparam("now", type_=jobs.c.ready_at.type)
_FIRST_LANES = [lane for lane in Lane if lane is not Lane.AGAIN]
_ARRIVING = (
    sa.select(
        *_columns(
            "id",
            "series_instance_uid",
            "source",
            "objects",
            "first_received_at",
            "last_received_at",
            "ready_at",
        )
    )
    .where(jobs.c.state == JobState.WAITING, jobs.c.lane.in_(_FIRST_LANES), jobs.c.ready_at > _NOW)
    .order_by(jobs.c.last_received_at.desc())
)
_waiting = (
    sa.select(jobs.c.ready_at)
    .where(
        jobs.c.state == JobState.WAITING,
        jobs.c.lane == sa.bindparam("lane", type_=jobs.c.lane.type),
        jobs.c.ready_at <= _NOW,
    )
    .order_by(jobs.c.ready_at)
    .limit(MOST_COUNTED)
    .subquery()
)
_QUEUED = sa.select(
    sa.func.count().label("number"), sa.func.min(_waiting.c.ready_at).label("oldest")
).select_from(_waiting)
_claimed_at = (
    sa.select(sa.func.max(job_events.c.at))
    .where(job_events.c.job_id == jobs.c.id, job_events.c.event == "claimed")
    .scalar_subquery()
)
_BEING_READ = (
    sa.select(
        *_columns("id", "series_instance_uid", "source", "objects", "lane"),
        sa.func.coalesce(jobs.c.lease_owner, "").label("owner"),
        _claimed_at.label("since"),
    )
    .where(jobs.c.state == JobState.READING)
    .order_by(sa.literal_column("since"), jobs.c.id)
)
_BEING_SENT = (
    sa.select(deliveries.c.destination, sa.func.count().label("objects"))
    .where(deliveries.c.state == DeliveryState.SENDING)
    .group_by(deliveries.c.destination)
    .order_by(deliveries.c.destination)
)
_ended_at = (
    sa.select(sa.func.max(job_events.c.at))
    .where(job_events.c.job_id == jobs.c.id, job_events.c.event.in_(ENDINGS))
    .scalar_subquery()
)
_OUTCOMES = sa.select(
    *_columns(
        "id",
        "state",
        "series_instance_uid",
        "source",
        "reason",
        "answer",
        "series_probability",
        "withdrawn_at",
        "lane",
        "last_received_at",
    ),
    _ended_at.label("ended_at"),
).where(jobs.c.id.in_(sa.bindparam("ids", expanding=True)))
