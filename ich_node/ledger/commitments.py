"""Storage commitment in the ledger: what destinations answered about the objects that they took.

The answer comes to the sender on the association of the question, or to the listener on a new one:
both hold this part.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.journal import note_deliveries
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import deliveries, results


class CommitmentLedger:
    """Records the answers to requests for storage commitment."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def commitment_answered(
        self,
        transaction_uid: str,
        *,
        committed: Collection[str],
        failed: Mapping[str, str],
        now: datetime,
    ) -> int:
        """Record the destination's answer to a transaction, by SOP Instance UID; how many
        deliveries it was about.

        Committed objects are SENT. Failed ones (with the reason) are due to be sent again at once:
        see SenderLedger.claim_uncommitted.
        """
        with self._database.write() as connection:
            answered = _answered(
                connection,
                transaction_uid=transaction_uid,
                objects=committed,
                now=now,
                values={"state": DeliveryState.SENT, "sent_at": now},
            )
            for sop_instance_uid, reason in failed.items():
                answered += _answered(
                    connection,
                    transaction_uid=transaction_uid,
                    objects=[sop_instance_uid],
                    now=now,
                    values=_to_send_again(now, reason),
                )
        return answered

    def commitment_refused(self, transaction_uid: str, *, now: datetime, detail: str) -> None:
        """The destination refuses the transaction: its objects are due to be sent again."""
        with self._database.write() as connection:
            _answered(
                connection,
                transaction_uid=transaction_uid,
                objects=None,
                now=now,
                values=_to_send_again(now, detail),
            )

    def awaits_commitment(self, transaction_uid: str) -> bool:
        """Whether objects of the transaction still wait for the destination's answer."""
        query = sa.select(deliveries.c.id).where(_asked(transaction_uid)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).one_or_none() is not None


def _to_send_again(now: datetime, detail: str) -> dict[str, Any]:
    return {"transaction_uid": None, "next_at": now, "detail": detail}


def _asked(transaction_uid: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        deliveries.c.state == DeliveryState.STORED, deliveries.c.transaction_uid == transaction_uid
    )


def _answered(
    connection: sa.Connection,
    *,
    transaction_uid: str,
    objects: Collection[str] | None,
    now: datetime,
    values: Mapping[str, Any],
) -> int:
    """Change the deliveries of a transaction whose objects are given (None: all); how many."""
    query = sa.update(deliveries).where(_asked(transaction_uid))
    if objects is not None:
        named = sa.select(results.c.id).where(results.c.sop_instance_uid.in_(objects))
        query = query.where(deliveries.c.result_id.in_(named))
    changed = connection.execute(
        query.values(**values).returning(deliveries.c.job_id, deliveries.c.destination)
    ).all()
    event = "committed" if values.get("state") is DeliveryState.SENT else "not committed"
    note_deliveries(connection, rows=changed, now=now, event=event, detail=values.get("detail", ""))
    return len(changed)
