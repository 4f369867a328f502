"""The clock's seat: what waits for a time that a clock, since put back, wrote."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.seat import Seat, note
from ich_node.ledger.states import DeliveryState, JobState, Lane
from ich_node.ledger.tables import deliveries, jobs

PUT_BACK = "waited for a time that the clock, since put back, was to reach later"


class Mending(Seat):
    """Without this a series that arrived at noon waits for noon again, when the clock is put back
    to the morning.
    """

    def shorten_waits(self, *, now: datetime, longest: timedelta) -> int:
        """Let nothing wait for longer than `longest` from now, the longest wait that any rule
        gives; how many were mended.

        A series waits as long as it was to wait after its last object, a delivery no longer; a
        lease ends after `longest`.
        """
        by = now + longest
        with self._write() as connection:
            mended = _mend_series(connection, now, by, longest)
            mended += _mend(
                connection, jobs, jobs.c.state == JobState.READING, jobs.c.lease_until, by, by
            )
            mended += _mend(
                connection,
                deliveries,
                deliveries.c.state == DeliveryState.PENDING,
                deliveries.c.next_at,
                by,
                now,
            )
            mended += _mend(
                connection,
                deliveries,
                deliveries.c.state == DeliveryState.STORED,
                deliveries.c.next_at,
                by,
                by,
            )
            mended += _mend(
                connection,
                deliveries,
                deliveries.c.state == DeliveryState.SENDING,
                deliveries.c.lease_until,
                by,
                by,
            )
        return mended


def _mend_series(connection: sa.Connection, now: datetime, by: datetime, longest: timedelta) -> int:
    times = sa.select(jobs.c.id, jobs.c.ready_at, jobs.c.last_received_at)
    # every lane, and in their order: as the index has it
    late = sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane.in_(Lane), jobs.c.ready_at > by)
    waiting = (
        times.where(late).order_by(jobs.c.lane, jobs.c.ready_at).with_for_update(skip_locked=True)
    )
    rows = connection.execute(waiting).all()
    for row in rows:
        wait = min(max(row.ready_at - row.last_received_at, timedelta(0)), longest)
        mended = {"ready_at": now + wait, "ready_by": by}
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(**mended))
        note(connection, row.id, now, "mended", PUT_BACK)
    return len(rows)


def _mend(
    connection: sa.Connection,
    table: sa.Table,
    state: sa.ColumnElement[bool],
    until: sa.Column[Any],
    by: datetime,
    instead: datetime,
) -> int:
    return connection.execute(
        sa.update(table).where(state, until > by).values({until: instead})
    ).rowcount
