"""The sender's part of the ledger: what is owed to which destination, and what became of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.changes import Changes
from ich_node.ledger.commitments import CommitmentLedger
from ich_node.ledger.database import Database
from ich_node.ledger.journal import note_deliveries
from ich_node.ledger.pauses import PAUSED_DESTINATIONS, PauseLedger
from ich_node.ledger.rows import Delivery, LeaseLost
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION

DELIVERY_ROWS = sa.select(*columns_of(Delivery, deliveries, results)).join(
    results, results.c.id == deliveries.c.result_id
)

# The statements are constants: an idle sender asks every second, and building a statement costs
# more than executing it.
NOW = sa.bindparam("now", type_=deliveries.c.next_at.type)
IS_NOT_PAUSED = deliveries.c.destination.not_in(PAUSED_DESTINATIONS)
IS_DUE = sa.and_(
    sa.or_(
        sa.and_(deliveries.c.state == DeliveryState.PENDING, deliveries.c.next_at <= NOW),
        sa.and_(deliveries.c.state == DeliveryState.SENDING, deliveries.c.lease_until <= NOW),
    ),
    IS_NOT_PAUSED,
)
IS_OVERDUE = sa.and_(
    deliveries.c.state == DeliveryState.STORED, deliveries.c.next_at <= NOW, IS_NOT_PAUSED
)
ANY_DUE, ANY_OVERDUE = (
    sa.select(deliveries.c.id).where(where).limit(1) for where in (IS_DUE, IS_OVERDUE)
)
_newer_delivery, _newer_result, _newer_job = deliveries.alias(), results.alias(), jobs.alias()
_NEWER = (
    sa.select(_newer_delivery.c.id)
    .join(_newer_result, _newer_result.c.id == _newer_delivery.c.result_id)
    .join(_newer_job, _newer_job.c.id == _newer_delivery.c.job_id)
    .where(
        _newer_delivery.c.destination == deliveries.c.destination,
        _newer_result.c.kind == NOTIFICATION,
        _newer_job.c.study_instance_uid == jobs.c.study_instance_uid,
        _newer_result.c.id > results.c.id,
    )
)
# Notifications of which the same destination has a newer one about the same study.
OUTDATED = (
    sa.select(deliveries.c.id)
    .join(results, results.c.id == deliveries.c.result_id)
    .join(jobs, jobs.c.id == deliveries.c.job_id)
    .where(results.c.kind == NOTIFICATION, _NEWER.exists())
)
# The tries of what starts anew: who may have got it hears of a withdrawal.
TRIED = sa.case((deliveries.c.attempts > 0, 1), else_=0)
NO_PRIORITIES: Mapping[str, int] = {}


class SenderLedger:
    """Hands out what is due, one destination and one job at a time: one association."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self.commitments = CommitmentLedger(database=database)
        self.pauses = PauseLedger(database=database)

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
        """Up to `limit` results of one job for one destination, now SENDING and held by owner;
        empty if none is due.

        A destination that is paused gets nothing. The one with the highest priority comes first (0
        for those not in `priorities`), among its deliveries positive readings, among these what has
        been due for longest.
        """
        urgent = _urgent_first(priorities)
        with self._database.read() as connection:  # mostly nothing is due: no lock
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
        """Extend their lease. Raises LeaseLost, and then none of them is renewed."""
        with self._database.write() as connection:
            _update_held(connection, ids, owner, lease_until=now + lease)

    def delivered(
        self, ids: Collection[int], *, owner: str, now: datetime, detail: str = ""
    ) -> None:
        """They are SENT: the destination confirmed them. Raises LeaseLost, and then none of them
        is.
        """
        self._settle(
            ids,
            owner=owner,
            now=now,
            event="delivered",
            detail=detail,
            state=DeliveryState.SENT,
            sent_at=now,
        )

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
        """They are STORED: the destination took them, and storage commitment is requested in this
        transaction. Raises LeaseLost.
        """
        values = {
            "state": DeliveryState.STORED,
            "transaction_uid": transaction_uid,
            "next_at": answer_by,
        }
        self._settle(
            ids, owner=owner, now=now, event="taken, not yet committed", detail=detail, **values
        )

    def claim_uncommitted(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> list[Delivery]:
        """Objects that the destination did not commit to, or not in time: SENDING again, held by
        owner.
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
        """They are due again at next_at. Raises LeaseLost, and then none of them is postponed."""
        self._settle(
            ids,
            owner=owner,
            now=now,
            event="delivery postponed",
            detail=detail,
            state=DeliveryState.PENDING,
            next_at=next_at,
        )

    def pause_destination(self, destination: str, *, until: datetime) -> None:
        """Postpone everything that waits for this destination: it does not answer, and the other
        destinations must not wait for it.
        """
        waiting = sa.and_(
            deliveries.c.destination == destination,
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.next_at < until,
        )
        with self._database.write() as connection:
            connection.execute(sa.update(deliveries).where(waiting).values(next_at=until))

    def give_up(self, ids: Collection[int], *, owner: str, now: datetime, detail: str) -> None:
        """They are FAILED until an operator retries the job. Raises LeaseLost, and then none of
        them is.
        """
        self._settle(
            ids,
            owner=owner,
            now=now,
            event="delivery failed",
            detail=detail,
            state=DeliveryState.FAILED,
        )

    def _settle(
        self,
        ids: Collection[int],
        *,
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
            note_deliveries(connection, rows=settled, now=now, event=event, detail=detail)


def _due(*columns: sa.Column[Any], first: Sequence[sa.ColumnElement[Any]] = ()) -> sa.Select[Any]:
    """The deliveries that are due, ordered by `first`, then the longest due."""
    return (
        sa.select(*columns)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(IS_DUE)
        .order_by(*first, deliveries.c.next_at, deliveries.c.id)
    )


def _locked(due: sa.Select[Any]) -> sa.Select[Any]:
    """Locked for an update; rows that another sender has locked are skipped."""
    return due.with_for_update(skip_locked=True, of=deliveries)


def _urgent_first(priorities: Mapping[str, int]) -> list[sa.ColumnElement[Any]]:
    by_destination = (
        [sa.case(dict(priorities), value=deliveries.c.destination, else_=0).desc()]
        if priorities
        else []
    )
    return [*by_destination, sa.case((jobs.c.answer == Answer.PRESENT, 0), else_=1)]


def _supersede(connection: sa.Connection, ids: Collection[int], now: datetime) -> set[int]:
    """Settle the notifications among the deliveries for which the same destination has a delivery
    of a newer notification about the same study; their ids.
    """
    found = set(connection.execute(OUTDATED.where(deliveries.c.id.in_(ids))).scalars())
    if found:
        settled = connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(found))
            .values(state=DeliveryState.SUPERSEDED, lease_owner=None, lease_until=None)
            .returning(deliveries.c.job_id, deliveries.c.destination)
        ).all()
        note_deliveries(
            connection,
            rows=settled,
            now=now,
            event="superseded",
            detail="a newer notification is sent instead",
        )
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
        count = len(set(ids))
        raise LeaseLost(
            f"{count - len(updated)} of {count} deliveries are no longer held by {owner}"
        )
    return list(updated)
