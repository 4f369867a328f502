"""The sender's part of the ledger: what is owed to which destination, and what became of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.changes import Changes
from ich_node.ledger.commitments import CommitmentLedger
from ich_node.ledger.database import Database
from ich_node.ledger.journal import note_deliveries
from ich_node.ledger.rows import Delivery, LeaseLost
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION

DELIVERY_ROWS = sa.select(*columns_of(Delivery, deliveries, results)).join(
    results, results.c.id == deliveries.c.result_id
)

# Made once: an idle sender asks every second, and to make a statement costs more than to execute
# it.
NOW = sa.bindparam("now", type_=deliveries.c.next_at.type)
IS_DUE = sa.or_(
    sa.and_(deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_at <= NOW),
    sa.and_(deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_until <= NOW),
)
IS_OVERDUE = sa.and_(deliveries.c.state == DeliveryState.STORED, deliveries.c.next_at <= NOW)
ANY_DUE, ANY_OVERDUE = (
    sa.select(deliveries.c.id).where(where).limit(1) for where in (IS_DUE, IS_OVERDUE)
)
NO_PRIORITIES: Mapping[str, int] = {}


class SenderLedger:
    """Hands out what is due, one destination and one job at a time: one association."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.commitments = CommitmentLedger(database)

    def changes(self) -> Changes:
        """For a loop that waits for work; the caller closes it. Raises Unavailable."""
        return self._database.changes()

    def claim_deliveries(
        self,
        *,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        priorities: Mapping[str, int] = NO_PRIORITIES,
    ) -> list[Delivery]:
        """Up to `limit` results of one job for one destination, now SENDING and ours; empty if none
        is due.

        The destination with the highest priority comes first (0 for those that are not named), in
        it positive readings, in these what has been due for longest.
        """
        urgent = _urgent_first(priorities)
        with (
            self._database.read() as connection
        ):  # it takes no lock for the answer that it mostly gets
            if connection.execute(ANY_DUE, {"now": now}).first() is None:
                return []
        with self._database.write() as connection:
            while True:
                due = _due(deliveries.c.destination, deliveries.c.job_id, first=urgent)
                oldest = connection.execute(_locked(due).limit(1), {"now": now}).one_or_none()
                if oldest is None:
                    return []
                batch = _due(deliveries.c.id).where(
                    deliveries.c.destination == oldest.destination,
                    deliveries.c.job_id == oldest.job_id,
                )
                ids = connection.execute(_locked(batch).limit(limit), {"now": now}).scalars().all()
                outdated = _supersede(connection, ids, now)
                if len(outdated) < len(ids):
                    break
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id.in_(set(ids) - outdated))
                .values(
                    state=DeliveryState.SENDING,
                    attempts=deliveries.c.attempts + 1,
                    lease_owner=owner,
                    lease_until=now + lease,
                )
            )
            claimed = DELIVERY_ROWS.where(deliveries.c.id.in_(set(ids) - outdated)).order_by(
                deliveries.c.id
            )
            return as_values(Delivery, connection.execute(claimed))

    def renew_deliveries(
        self, ids: Collection[int], *, owner: str, now: datetime, lease: timedelta
    ) -> None:
        """Hold them for longer. Raises LeaseLost, and then none of them is renewed."""
        with self._database.write() as connection:
            _update_held(connection, ids, owner, lease_until=now + lease)

    def delivered(
        self, ids: Collection[int], *, owner: str, now: datetime, detail: str = ""
    ) -> None:
        """The destination said that it has them. Raises LeaseLost, and then none of them is marked."""
        self._settle(ids, owner, now, "delivered", detail, state=DeliveryState.SENT, sent_at=now)

    def stored(
        self,
        ids: Collection[int],
        *,
        owner: str,
        now: datetime,
        transaction_uid: str,
        answer_by: datetime,
        detail: str = "",
    ) -> None:
        """The destination took them, and will be asked in this transaction whether it keeps them.
        Raises LeaseLost.
        """
        values = {
            "state": DeliveryState.STORED,
            "transaction_uid": transaction_uid,
            "next_at": answer_by,
        }
        self._settle(ids, owner, now, "taken, not yet committed", detail, **values)

    def claim_uncommitted(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> list[Delivery]:
        """Objects whose destination does not keep them, or did not say so in time: SENDING and
        ours, to be tried again.
        """
        with self._database.read() as connection:
            if connection.execute(ANY_OVERDUE, {"now": now}).first() is None:
                return []
        with self._database.write() as connection:
            overdue = (
                sa.select(deliveries.c.id)
                .where(IS_OVERDUE)
                .order_by(deliveries.c.next_at, deliveries.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            ids = connection.execute(overdue, {"now": now}).scalars().all()
            held = {
                "state": DeliveryState.SENDING,
                "lease_owner": owner,
                "lease_until": now + lease,
            }
            connection.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(**held))
            claimed = DELIVERY_ROWS.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)
            return as_values(Delivery, connection.execute(claimed))

    def postpone(
        self, ids: Collection[int], *, owner: str, now: datetime, next_at: datetime, detail: str
    ) -> None:
        """Try again then. Raises LeaseLost, and then none of them is postponed."""
        self._settle(
            ids,
            owner,
            now,
            "delivery postponed",
            detail,
            state=DeliveryState.PENDING,
            next_at=next_at,
        )

    def pause_destination(self, destination: str, *, until: datetime) -> None:
        """Nothing that waits for this destination is due before then: it does not answer, and
        others must not wait for it.
        """
        waiting = sa.and_(
            deliveries.c.destination == destination,
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.next_at < until,
        )
        with self._database.write() as connection:
            connection.execute(sa.update(deliveries).where(waiting).values(next_at=until))

    def give_up(self, ids: Collection[int], *, owner: str, now: datetime, detail: str) -> None:
        """FAILED, until somebody retries the job by hand. Raises LeaseLost, and then none of them
        is marked.
        """
        self._settle(ids, owner, now, "delivery failed", detail, state=DeliveryState.FAILED)

    def _settle(
        self,
        ids: Collection[int],
        owner: str,
        now: datetime,
        event: str,
        detail: str,
        **values: Any,
    ) -> None:
        with self._database.write() as connection:
            settled = _update_held(
                connection, ids, owner, detail=detail, lease_owner=None, lease_until=None, **values
            )
            note_deliveries(connection, settled, now, event, detail)


def _due(*columns: sa.Column[Any], first: Sequence[sa.ColumnElement[Any]] = ()) -> sa.Select[Any]:
    """What is due, ordered by `first`, then the longest due."""
    return (
        sa.select(*columns)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(IS_DUE)
        .order_by(*first, deliveries.c.next_at, deliveries.c.id)
    )


def _locked(due: sa.Select[Any]) -> sa.Select[Any]:
    """To be changed; rows that another sender is just taking are passed over."""
    return due.with_for_update(skip_locked=True, of=deliveries)


def _urgent_first(priorities: Mapping[str, int]) -> list[sa.ColumnElement[Any]]:
    by_destination = (
        [sa.case(dict(priorities), value=deliveries.c.destination, else_=0).desc()]
        if priorities
        else []
    )
    return [*by_destination, sa.case((jobs.c.positive, 0), else_=1)]


def _supersede(connection: sa.Connection, ids: Collection[int], now: datetime) -> set[int]:
    """Settle those of the deliveries that are notifications about a series of which the destination
    is owed, or has, a newer one.

    Newer is what is about a later revision, whichever of them was read first.
    """
    newer_delivery, newer_result, newer_job = deliveries.alias(), results.alias(), jobs.alias()
    newer = (
        sa.select(newer_delivery.c.id)
        .join(newer_result, newer_result.c.id == newer_delivery.c.result_id)
        .join(newer_job, newer_job.c.id == newer_delivery.c.job_id)
        .where(
            newer_delivery.c.destination == deliveries.c.destination,
            newer_result.c.kind == NOTIFICATION,
            newer_job.c.series_instance_uid == jobs.c.series_instance_uid,
            newer_job.c.study_instance_uid == jobs.c.study_instance_uid,
            (newer_job.c.revision > jobs.c.revision)
            | ((newer_job.c.id == jobs.c.id) & (newer_result.c.id > results.c.id)),
        )
    )
    outdated = (
        sa.select(deliveries.c.id)
        .join(results, results.c.id == deliveries.c.result_id)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(deliveries.c.id.in_(ids), results.c.kind == NOTIFICATION, newer.exists())
    )
    found = set(connection.execute(outdated).scalars())
    if found:
        settled = connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(found))
            .values(state=DeliveryState.SUPERSEDED, lease_owner=None, lease_until=None)
            .returning(deliveries.c.job_id, deliveries.c.destination)
        ).all()
        note_deliveries(connection, settled, now, "superseded", "a newer answer goes there instead")
    return found


def _update_held(
    connection: sa.Connection, ids: Collection[int], owner: str, **values: Any
) -> list[sa.Row[Any]]:
    updated = connection.execute(
        sa.update(deliveries)
        .where(
            deliveries.c.id.in_(ids),
            deliveries.c.state == DeliveryState.SENDING,
            deliveries.c.lease_owner == owner,
        )
        .values(**values)
        .returning(deliveries.c.job_id, deliveries.c.destination)
    ).all()
    if len(updated) != len(set(ids)):
        raise LeaseLost(
            f"{len(set(ids)) - len(updated)} of {len(set(ids))} deliveries are no longer held by {owner}"
        )
    return list(updated)
