"""The events of a job, written in the same transaction as the change that they describe."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.rows import JobEvent
from ich_node.ledger.tables import as_values, columns_of, job_events


def note(
    connection: sa.Connection, *, job_id: int, at: datetime, event: str, detail: str = ""
) -> None:
    """Add one event to the job."""
    connection.execute(
        sa.insert(job_events).values(job_id=job_id, at=at, event=event, detail=detail)
    )


def note_deliveries(
    connection: sa.Connection,
    *,
    rows: Sequence[sa.Row[Any]],
    now: datetime,
    event: str,
    detail: str,
) -> None:
    """Add one event for each job and destination among these deliveries, with the number of
    objects.
    """
    objects: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        objects[row.job_id, row.destination] += 1
    for (job_id, destination), count in objects.items():
        words = f"{counted_objects(count)}, {destination}"
        note(
            connection,
            job_id=job_id,
            at=now,
            event=event,
            detail=f"{words}: {detail}" if detail else words,
        )


def counted_objects(count: int) -> str:
    """For people."""
    return "1 object" if count == 1 else f"{count} objects"


def events_of(connection: sa.Connection, job_id: int) -> list[JobEvent]:
    """The job's events, oldest first."""
    query = (
        sa.select(*columns_of(JobEvent, job_events))
        .where(job_events.c.job_id == job_id)
        .order_by(job_events.c.id)
    )
    return as_values(JobEvent, connection.execute(query))
