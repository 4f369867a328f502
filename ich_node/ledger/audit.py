"""Who did what on the site, and who looked at whose series. UIDs, never patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import as_values, audit_events, columns_of


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """address: of the browser. action: e.g. "retry"; target: e.g. "job 7", "model abc123". outcome:
    "done", or "refused" with the reason as detail.
    """

    id: int
    at: datetime
    who: str
    address: str
    action: str
    target: str
    study_instance_uid: str | None
    outcome: str
    detail: str


class AuditLedger:
    """Events are only added here; maintenance removes them with the jobs of their time."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def record(
        self,
        *,
        at: datetime,
        who: str,
        address: str,
        action: str,
        target: str = "",
        study_instance_uid: str | None = None,
        outcome: str = "done",
        detail: str = "",
    ) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.insert(audit_events).values(
                    at=at,
                    who=who,
                    address=address,
                    action=action,
                    target=target,
                    study_instance_uid=study_instance_uid,
                    outcome=outcome,
                    detail=detail,
                )
            )

    def newest(self, *, limit: int = 50) -> list[AuditEvent]:
        query = _EVENTS.order_by(audit_events.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return as_values(AuditEvent, connection.execute(query))

    def unreported(self, *, limit: int = 100) -> list[AuditEvent]:
        """Those of which the audit record repository has not heard, the oldest first."""
        query = _EVENTS.where(audit_events.c.reported_at.is_(None)).order_by(audit_events.c.id)
        with self._database.read() as connection:
            return as_values(AuditEvent, connection.execute(query.limit(limit)))

    def reported(self, ids: Sequence[int], *, now: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(audit_events).where(audit_events.c.id.in_(ids)).values(reported_at=now)
            )


_EVENTS = sa.select(*columns_of(AuditEvent, audit_events))
