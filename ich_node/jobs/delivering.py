"""The sender's seat: what is owed to whom, and what became of it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.jobs.seat import Seat, note
from ich_node.jobs.states import DeliveryState
from ich_node.jobs.tables import as_values, columns_of, deliveries, results
from ich_node.jobs.values import Delivery, LeaseLost

DELIVERY_ROWS = sa.select(*columns_of(Delivery, deliveries, results)).join(results, results.c.id == deliveries.c.result_id)


class Delivering(Seat):
    """Hands out what is due, one destination and one job at a time: one association."""

    def claim_deliveries(self, *, owner: str, now: datetime, lease: timedelta, limit: int) -> list[Delivery]:
        """What has been due for longest: up to `limit` results of one job for one destination, now SENDING and ours."""
        with self._write() as connection:
            oldest = connection.execute(_due(now, deliveries.c.destination, deliveries.c.job_id).limit(1)).one_or_none()
            if oldest is None:
                return []
            batch = _due(now, deliveries.c.id).where(
                deliveries.c.destination == oldest.destination, deliveries.c.job_id == oldest.job_id
            )
            ids = connection.execute(batch.limit(limit)).scalars().all()
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(
                    state=DeliveryState.SENDING,
                    attempts=deliveries.c.attempts + 1,
                    lease_owner=owner,
                    lease_until=now + lease,
                )
            )
            claimed = DELIVERY_ROWS.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)
            return as_values(Delivery, connection.execute(claimed))

    def renew_deliveries(self, ids: Collection[int], *, owner: str, now: datetime, lease: timedelta) -> None:
        """Hold them for longer. Raises LeaseLost, and then none of them is renewed."""
        with self._write() as connection:
            _update_held(connection, ids, owner, lease_until=now + lease)

    def delivered(self, ids: Collection[int], *, owner: str, now: datetime, detail: str = "") -> None:
        """The destination said that it has them. Raises LeaseLost, and then none of them is marked."""
        self._settle(ids, owner, now, "delivered", detail, state=DeliveryState.SENT, sent_at=now)

    def postpone(self, ids: Collection[int], *, owner: str, now: datetime, next_at: datetime, detail: str) -> None:
        """Try again then. Raises LeaseLost, and then none of them is postponed."""
        self._settle(ids, owner, now, "delivery postponed", detail, state=DeliveryState.PENDING, next_at=next_at)

    def give_up(self, ids: Collection[int], *, owner: str, now: datetime, detail: str) -> None:
        """FAILED, until somebody retries the job by hand. Raises LeaseLost, and then none of them is marked."""
        self._settle(ids, owner, now, "delivery failed", detail, state=DeliveryState.FAILED)

    def _settle(self, ids: Collection[int], owner: str, now: datetime, event: str, detail: str, **values: Any) -> None:
        with self._write() as connection:
            settled = _update_held(connection, ids, owner, detail=detail, lease_owner=None, lease_until=None, **values)
            objects: dict[tuple[int, str], int] = defaultdict(int)
            for row in settled:
                objects[row.job_id, row.destination] += 1
            for (job_id, destination), count in objects.items():
                words = f"{count} objects, {destination}"
                note(connection, job_id, now, event, f"{words}: {detail}" if detail else words)


def _due(now: datetime, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """The longest due first. Rows that another sender is just taking are passed over."""
    pending = sa.and_(deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_at <= now)
    abandoned = sa.and_(deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_until <= now)
    return (
        sa.select(*columns)
        .where(pending | abandoned)
        .order_by(deliveries.c.next_at, deliveries.c.id)
        .with_for_update(skip_locked=True)
    )


def _update_held(connection: sa.Connection, ids: Collection[int], owner: str, **values: Any) -> list[sa.Row[Any]]:
    updated = connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_owner == owner)
        .values(**values)
        .returning(deliveries.c.job_id, deliveries.c.destination)
    ).all()
    if len(updated) != len(set(ids)):
        raise LeaseLost(f"{len(set(ids)) - len(updated)} of {len(set(ids))} deliveries are no longer held by {owner}")
    return list(updated)
