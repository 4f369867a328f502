"""Who did what on the site, and who looked at whose series. UIDs, never patients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.tables import as_values, audit_events, columns_of

# The actions that audit messages tell apart; all others are what an operator did.
SIGN_IN, SIGN_OUT = "sign in", "sign out"
LOOK = "look"  # at a series, with its patient's identifiers
SEARCH = "search"  # by an identifier; the target is its kind
READ_JOURNAL = "download journal"
START, STOP = "start", "stop"  # of a service
# Outcomes. TURNED_AWAY: somebody who is signed in, without the role for it, or by a forged form.
DONE, REFUSED, TURNED_AWAY = "done", "refused", "turned away"
MOST_NAMES = 50
MOST_IN_ONE_QUERY = 1000


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """address: of the browser, or the host of a service. action: e.g. "retry"; target: e.g.
    "job 7", "model abc123". outcome: DONE, REFUSED or TURNED_AWAY, with the reason as detail.
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


@dataclass(frozen=True, kw_only=True)
class AuditSearch:
    """What is looked for: events for which all of it is true; None asks nothing. target: of the
    event, or its Study Instance UID.
    """

    who: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLedger:
    """Events are added, reported once to the audit record repository, and kept for their time."""

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
        outcome: str = DONE,
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

    def was_done(self, action: str, target: str, *, since: datetime) -> bool:
        query = sa.select(audit_events.c.id).where(
            audit_events.c.at >= since,
            audit_events.c.action == action,
            audit_events.c.target == target,
            audit_events.c.outcome == "done",
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def newest(self, *, limit: int = 50) -> list[AuditEvent]:
        return self.find(AuditSearch(), limit=limit)

    def find(
        self, search: AuditSearch, *, limit: int, before: int | None = None
    ) -> list[AuditEvent]:
        """The newest first. before: only events with a smaller id: the next page."""
        query = _EVENTS.where(*_conditions(search)).order_by(audit_events.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_events.c.id < before)
        with self._database.read() as connection:
            return as_values(AuditEvent, connection.execute(query))

    def every(self, search: AuditSearch) -> Iterator[AuditEvent]:
        """The newest first, however many there are."""
        before = None
        while events := self.find(search, limit=MOST_IN_ONE_QUERY, before=before):
            yield from events
            before = events[-1].id

    def people(self) -> list[str]:
        """The names of those who did something, in alphabetical order, at most MOST_NAMES."""
        return self._names(audit_events.c.who)

    def actions(self) -> list[str]:
        return self._names(audit_events.c.action)

    def _names(self, column: sa.Column[Any]) -> list[str]:
        names: list[str] = []
        with self._database.read() as connection:
            # A DISTINCT reads the whole index; each of these queries reads one place in it.
            while len(names) < MOST_NAMES:
                query = sa.select(sa.func.min(column))
                if names:
                    query = query.where(column > names[-1])
                name = connection.execute(query).scalar()
                if name is None:
                    break
                names.append(name)
        return names

    def claim_unreported(
        self, *, now: datetime, lease: timedelta, limit: int = 100
    ) -> list[AuditEvent]:
        """The oldest of which the audit record repository has not heard, for this process alone
        until the lease ends. None while another process has a claim: the order is kept.
        """
        oldest = (
            sa.select(audit_events.c.id, audit_events.c.claimed_until)
            .where(_UNREPORTED)
            .order_by(audit_events.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:  # most often there is none
            if connection.execute(oldest.limit(1)).first() is None:
                return []
        with self._database.write() as connection:
            lock_writers(connection, audit_events)
            rows = connection.execute(oldest).all()
            if any(row.claimed_until is not None and row.claimed_until > now for row in rows):
                return []
            ids = [row.id for row in rows]
            connection.execute(
                sa.update(audit_events)
                .where(audit_events.c.id.in_(ids))
                .values(claimed_until=now + lease)
            )
            query = _EVENTS.where(audit_events.c.id.in_(ids)).order_by(audit_events.c.id)
            return as_values(AuditEvent, connection.execute(query))

    def unreported(self) -> tuple[int, datetime | None]:
        """How many events wait for the audit record repository, and since when the oldest does."""
        waiting = sa.select(sa.func.count()).select_from(audit_events).where(_UNREPORTED)
        oldest = sa.select(audit_events.c.at).where(_UNREPORTED).order_by(audit_events.c.id)
        with self._database.read() as connection:
            count: int = connection.execute(waiting).scalar_one()
            return count, connection.execute(oldest.limit(1)).scalar()

    def reported(self, ids: Sequence[int], *, now: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(audit_events).where(audit_events.c.id.in_(ids)).values(reported_at=now)
            )

    def not_reported(self, ids: Sequence[int]) -> None:
        """They can be claimed again."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(audit_events).where(audit_events.c.id.in_(ids)).values(claimed_until=None)
            )

    def report_none(self, *, now: datetime) -> int:
        """Where there is no audit record repository: all count as reported; how many."""
        with self._database.read() as connection:
            if connection.execute(sa.select(audit_events.c.id).where(_UNREPORTED)).first() is None:
                return 0
        with self._database.write() as connection:
            return connection.execute(
                sa.update(audit_events).where(_UNREPORTED).values(reported_at=now)
            ).rowcount

    def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` older events that are reported; how many."""
        old = (
            sa.select(audit_events.c.id)
            .where(audit_events.c.at < before, audit_events.c.reported_at.is_not(None))
            .order_by(audit_events.c.at)
            .limit(limit)
        )
        with self._database.read() as connection:
            ids = connection.execute(old).scalars().all()
        if not ids:
            return 0
        with self._database.write() as connection:
            return connection.execute(
                sa.delete(audit_events).where(audit_events.c.id.in_(ids))
            ).rowcount


_EVENTS = sa.select(*columns_of(AuditEvent, audit_events))
_UNREPORTED = audit_events.c.reported_at.is_(None)


def _conditions(search: AuditSearch) -> list[sa.ColumnElement[bool]]:
    events = audit_events.c
    conditions: list[sa.ColumnElement[bool]] = []
    if search.who is not None:
        conditions.append(events.who == search.who)
    if search.action is not None:
        conditions.append(events.action == search.action)
    if search.target is not None:
        is_uid = search.target.count(".") > 1
        conditions.append(
            events.study_instance_uid == search.target if is_uid else events.target == search.target
        )
    if search.since is not None:
        conditions.append(events.at >= search.since)
    if search.until is not None:
        conditions.append(events.at < search.until)
    return conditions
