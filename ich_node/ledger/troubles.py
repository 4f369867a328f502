"""What in the ledger wants a hand: series and deliveries, the oldest first, and never more than a
few of a kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.tables import as_values, deliveries, jobs

MOST_OF_A_KIND = 20
MOST_COUNTED = 10_000

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class TroubledJob:
    """since: when the trouble began. reason: of a job that FAILED."""

    job_id: int
    series_instance_uid: str
    source: str
    since: datetime
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """What of a job is no longer sent to a destination. since: when it was first owed."""

    job_id: int
    destination: str
    objects: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Some(Generic[Row]):
    """The first MOST_OF_A_KIND, and how many there are besides."""

    first: Sequence[Row]
    more: int


class TroubleLedger:
    """Only reads."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def failed_series(self) -> Some[TroubledJob]:
        """Those that could not be analysed, as long as they may be read again."""
        since = sa.func.coalesce(jobs.c.told_at, jobs.c.untold_since, jobs.c.last_received_at)
        is_failed = sa.and_(jobs.c.state == JobState.FAILED, jobs.c.swept_at.is_(None))
        return self._jobs(is_failed, since, jobs.c.first_received_at)

    def overdue_series(self, *, long_ago: datetime) -> Some[TroubledJob]:
        """Those that wait or are being read, and got no object since long_ago."""
        is_late = sa.and_(
            jobs.c.state.in_((JobState.WAITING, JobState.READING)),
            jobs.c.lane != Lane.AGAIN,
            jobs.c.last_received_at <= long_ago,
            # a held series is not late: its rule says when its time is over
            jobs.c.released_at.is_(None) | (jobs.c.released_at <= long_ago),
        )
        return self._jobs(is_late, jobs.c.last_received_at, jobs.c.last_received_at)

    def killed_readers(self, *, since: datetime) -> Some[TroubledJob]:
        """Series of which a process that read them has ended or hung since then."""
        at = jobs.c.reader_killed_at
        return self._jobs(at >= since, at, at)

    def given_up(self) -> Some[GivenUp]:
        """Deliveries that are not tried again unless somebody wants it."""
        oldest = (
            sa.select(deliveries.c.job_id, deliveries.c.destination, deliveries.c.first_at)
            .where(deliveries.c.state == DeliveryState.FAILED)
            .order_by(deliveries.c.next_at)
            .limit(MOST_COUNTED)
            .subquery()
        )
        query = (
            sa.select(
                oldest.c.job_id,
                oldest.c.destination,
                sa.func.count().label("objects"),
                sa.func.min(oldest.c.first_at).label("since"),
            )
            .group_by(oldest.c.job_id, oldest.c.destination)
            .order_by(sa.func.min(oldest.c.first_at), oldest.c.job_id)
        )
        with self._database.read() as connection:
            return _some(as_values(GivenUp, connection.execute(query)))

    def _jobs(
        self,
        where: sa.ColumnElement[bool],
        since: sa.ColumnElement[Any],
        order: sa.ColumnElement[Any],
    ) -> Some[TroubledJob]:
        facts = (jobs.c.series_instance_uid, jobs.c.source, since.label("since"), jobs.c.reason)
        first = (
            sa.select(jobs.c.id.label("job_id"), *facts)
            .where(where)
            .order_by(order, jobs.c.id)
            .limit(MOST_OF_A_KIND)
        )
        with self._database.read() as connection:
            found = as_values(TroubledJob, connection.execute(first))
            if len(found) < MOST_OF_A_KIND:
                return Some(first=found, more=0)
            all_of_them = sa.select(jobs.c.id).where(where).limit(MOST_COUNTED).subquery()
            number = connection.execute(
                sa.select(sa.func.count()).select_from(all_of_them)
            ).scalar_one()
        return Some(first=found, more=number - len(found))


def _some(rows: Sequence[Row]) -> Some[Row]:
    return Some(first=rows[:MOST_OF_A_KIND], more=len(rows[MOST_OF_A_KIND:]))
