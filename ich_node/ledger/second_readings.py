"""Readings by other bundles, beside the answers that were told: an analyser claims them when it has
nothing else to do.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.endings import NO_LEASE
from ich_node.ledger.rows import Job, LeaseLost, SecondReading
from ich_node.ledger.states import ReadingState
from ich_node.ledger.tables import as_values, columns_of, jobs, readings

MOST_ATTEMPTS = 3
# The statements are constants: an idle analyser asks every second.
NOW = sa.bindparam("now", type_=readings.c.lease_until.type)
IS_READY = sa.or_(
    sa.and_(
        readings.c.state == ReadingState.WAITING,
        readings.c.lease_until.is_(None) | (readings.c.lease_until <= NOW),
    ),
    sa.and_(readings.c.state == ReadingState.READING, readings.c.lease_until <= NOW),
)
ANY_READY = sa.select(readings.c.id).where(IS_READY).limit(1)
# what an operator asked for ("reread") before what runs by itself ("shadow")
NEXT = (
    sa.select(readings.c.id)
    .where(IS_READY)
    .order_by(readings.c.purpose, readings.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
CLAIM = (
    sa.update(readings)
    .where(readings.c.id == NEXT.scalar_subquery())
    .values(
        state=ReadingState.READING,
        attempts=readings.c.attempts + 1,
        lease_owner=sa.bindparam("owner"),
        lease_until=sa.bindparam("until", type_=readings.c.lease_until.type),
    )
    .returning(*columns_of(SecondReading, readings))
)


class SecondReadingLedger:
    """Hands out each reading to one process at a time. No job changes by it, and no series is kept
    for it.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def is_any_ready(self, *, now: datetime) -> bool:
        """Whether `claim` would find one."""
        with self._database.read() as connection:
            return connection.execute(ANY_READY, {"now": now}).first() is not None

    def claim(self, *, owner: str, now: datetime, lease: timedelta) -> SecondReading | None:
        """The next one, now READING and held by owner until the lease runs out; None if there is
        none. What crashed the analyser on every attempt is FAILED.
        """
        if not self.is_any_ready(now=now):
            return None
        with self._database.write() as connection:
            crashed = sa.and_(
                readings.c.state == ReadingState.READING,
                readings.c.lease_until <= now,
                readings.c.attempts >= MOST_ATTEMPTS,
            )
            detail = "the analyser crashed or hung on every attempt"
            connection.execute(
                sa.update(readings)
                .where(crashed)
                .values(state=ReadingState.FAILED, detail=detail, **NO_LEASE)
            )
            held = {"now": now, "owner": owner, "until": now + lease}
            claimed = as_values(SecondReading, connection.execute(CLAIM, held))
        return claimed[0] if claimed else None

    def job(self, reading: SecondReading) -> Job:
        """Whose objects are read."""
        query = sa.select(*columns_of(Job, jobs)).where(jobs.c.id == reading.job_id)
        with self._database.read() as connection:
            return as_values(Job, connection.execute(query))[0]

    def renew(self, reading: SecondReading, *, now: datetime, lease: timedelta) -> None:
        """Extend the lease. Raises LeaseLost."""
        self._update_held(reading, lease_until=now + lease)

    def release(self, reading: SecondReading) -> None:
        """Give it back unread; the attempt does not count. Raises LeaseLost."""
        self._give_back(reading, attempts=reading.attempts - 1, **NO_LEASE)

    def finish(
        self, reading: SecondReading, *, now: datetime, answer: Answer, series_probability: float
    ) -> None:
        """It is DONE. Raises LeaseLost."""
        self._update_held(
            reading,
            state=ReadingState.DONE,
            read_at=now,
            answer=answer,
            series_probability=series_probability,
            detail=None,
            **NO_LEASE,
        )

    def refuse(self, reading: SecondReading, *, now: datetime, detail: str) -> None:
        """The series is not one that is read, with the selection rules of today. Raises
        LeaseLost.
        """
        self._update_held(
            reading, state=ReadingState.REFUSED, read_at=now, detail=detail, **NO_LEASE
        )

    def fail(self, reading: SecondReading, *, detail: str, retry_at: datetime | None) -> None:
        """This attempt failed. The reading is FAILED if retry_at is None or this was the last
        attempt, else it is ready again at retry_at. Raises LeaseLost.
        """
        if retry_at is None or reading.attempts >= MOST_ATTEMPTS:
            self._update_held(reading, state=ReadingState.FAILED, detail=detail, **NO_LEASE)
        else:
            self._give_back(reading, detail=detail, lease_owner=None, lease_until=retry_at)

    def _give_back(self, reading: SecondReading, **values: Any) -> None:
        """It waits again, or is SWEPT if its objects were removed while it was read."""
        swept = sa.select(jobs.c.swept_at).where(jobs.c.id == readings.c.job_id).scalar_subquery()
        state = sa.case(
            (swept.is_(None), sa.literal(ReadingState.WAITING, readings.c.state.type)),
            else_=sa.literal(ReadingState.SWEPT, readings.c.state.type),
        )
        self._update_held(reading, state=state, **values)

    def _update_held(self, reading: SecondReading, **values: Any) -> None:
        """Owner and number of attempts identify one claim."""
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(readings)
                .where(
                    readings.c.id == reading.id,
                    readings.c.state == ReadingState.READING,
                    readings.c.lease_owner == reading.lease_owner,
                    readings.c.attempts == reading.attempts,
                )
                .values(**values)
            ).rowcount
        if not changed:
            raise LeaseLost(f"reading {reading.id} is no longer held by {reading.lease_owner}")
