"""What a job's results are owed to whom."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.rows import Result
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import deliveries, results
from ich_node.notification import KIND as NOTIFICATION

# Who gets the notifications: the same for all of them, or for each by its UID.
Notify = Sequence[str] | Mapping[str, Sequence[str]]


def names_of(notify: Notify) -> list[str]:
    """Of all who get a notification."""
    if isinstance(notify, Mapping):
        return [name for names in notify.values() for name in names]
    return list(notify)


def owe_all(
    connection: sa.Connection,
    given: Iterable[Result],
    *,
    job_id: int,
    destinations: Sequence[str],
    notify: Notify,
    now: datetime,
) -> None:
    """Each result is owed to `destinations`, a notification as `notify` says."""
    for result in given:
        _owe(
            connection,
            job_id=job_id,
            result=result,
            destinations=_notified(result, notify) if result.kind == NOTIFICATION else destinations,
            now=now,
        )


def _notified(result: Result, notify: Notify) -> Sequence[str]:
    if isinstance(notify, Mapping):
        return notify.get(result.sop_instance_uid, ())
    return notify


def _owe(
    connection: sa.Connection,
    *,
    job_id: int,
    result: Result,
    destinations: Sequence[str],
    now: datetime,
) -> None:
    result_id = connection.execute(
        sa.insert(results).values(job_id=job_id, **asdict(result)).returning(results.c.id)
    ).scalar_one()
    for destination in destinations:
        connection.execute(
            sa.insert(deliveries).values(
                job_id=job_id,
                result_id=result_id,
                destination=destination,
                state=DeliveryState.PENDING,
                attempts=0,
                next_at=now,
                first_at=now,
            )
        )
