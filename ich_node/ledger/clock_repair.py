"""Repair after the system clock was set back: shorten the waits that the wrong clock wrote.

Without this a series that arrived at noon waits for noon again, when the clock is set back to the
morning.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from ich_node.ledger.journal import note
from ich_node.ledger.states import DeliveryState, JobState, Lane, ReadingState
from ich_node.ledger.tables import deliveries, jobs, readings

SET_BACK = "the system clock was set back"


def shorten_waits(connection: sa.Connection, *, now: datetime, longest: timedelta) -> int:
    """Shorten every wait that ends later than `longest` from now; how many.

    longest: the longest wait that any setting gives. A series waits again for as long as it had to
    wait after its last object, a delivery is due now, a lease ends after `longest`.
    """
    by = now + longest
    shortened = _shorten_series(connection, now, by, longest)
    for table, state, until, instead in (
        (jobs, jobs.c.state == JobState.READING, jobs.c.lease_until, by),
        (jobs, jobs.c.state == JobState.HELD, jobs.c.held_until, by),
        (deliveries, deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_at, now),
        (deliveries, deliveries.c.state == DeliveryState.STORED, deliveries.c.next_at, by),
        (deliveries, deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_until, by),
        (readings, readings.c.state == ReadingState.WAITING, readings.c.lease_until, now),
        (readings, readings.c.state == ReadingState.READING, readings.c.lease_until, by),
    ):
        shortened += connection.execute(
            sa.update(table).where(state, until > by).values({until: instead})
        ).rowcount
    return shortened


def _shorten_series(
    connection: sa.Connection, now: datetime, by: datetime, longest: timedelta
) -> int:
    times = sa.select(jobs.c.id, jobs.c.ready_at, jobs.c.last_received_at)
    # all lanes are listed, in their order, so that the index is used
    late = sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane.in_(Lane), jobs.c.ready_at > by)
    waiting = (
        times.where(late).order_by(jobs.c.lane, jobs.c.ready_at).with_for_update(skip_locked=True)
    )
    rows = connection.execute(waiting).all()
    for row in rows:
        wait = min(max(row.ready_at - row.last_received_at, timedelta(0)), longest)
        shortened = {"ready_at": now + wait, "ready_by": by}
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(**shortened))
        note(connection, job_id=row.id, at=now, event="wait shortened", detail=SET_BACK)
    return len(rows)
