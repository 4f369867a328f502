"""What a job's results are owed to whom."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.rows import Result
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import deliveries, results
from ich_node.notification import KIND as NOTIFICATION


def owe_all(
    connection: sa.Connection,
    given: Iterable[Result],
    *,
    job_id: int,
    destinations: Sequence[str],
    notify: Sequence[str],
    now: datetime,
) -> None:
    """Each result is owed to `destinations`, a notification to `notify`."""
    for result in given:
        _owe(
            connection,
            job_id=job_id,
            result=result,
            destinations=notify if result.kind == NOTIFICATION else destinations,
            now=now,
        )


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
