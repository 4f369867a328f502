"""Incidents: troubles from their beginning to their end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.tables import as_values, columns_of, incident_notices, incidents

# Several hosts look for troubles, and one may see what another does not, e.g. its own certificate.
# An incident ends when none has seen the trouble for this long.
GONE_AFTER = timedelta(minutes=1)
# seen_at and the facts are written this often while a trouble lasts.
REFRESHED_EVERY = timedelta(seconds=20)


class Sighting(Protocol):
    """A trouble that is there now."""

    @property
    def kind(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Incident:
    """seen_at: when the trouble was last there, to some seconds. ended_at: that time, once the
    trouble is gone; None: it is there.
    """

    id: int
    kind: str
    subject: str
    facts: Mapping[str, Any]
    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What has changed."""

    begun: Sequence[Sighting] = ()
    ended: Sequence[Incident] = ()


class IncidentLedger:
    """Opens, keeps and ends incidents; one of a kind and subject runs at a time."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def note(self, sightings: Iterable[Sighting], *, now: datetime) -> Noted:
        """Of all troubles that there are now: new ones open an incident, those that are gone end
        theirs.
        """
        there = {(each.kind, each.subject): each for each in sightings}
        with self._database.read() as connection:
            if not there and not _running(connection):
                return Noted()
        with self._database.write() as connection:
            lock_writers(connection, incidents)
            running = {(each.kind, each.subject): each for each in _running(connection)}
            new = [each for key, each in there.items() if key not in running]
            _open(connection, new, now)
            _refresh(
                connection, [(running[key], there[key]) for key in running & there.keys()], now
            )
            gone = [running[key] for key in running.keys() - there.keys()]
            return Noted(begun=new, ended=_end(connection, gone, now))

    def running(self) -> list[Incident]:
        """The newest first."""
        with self._database.read() as connection:
            return _running(connection)

    def ended(self, *, limit: int) -> list[Incident]:
        """Those that ended last, the newest first."""
        query = _INCIDENTS.where(incidents.c.ended_at.is_not(None))
        query = query.order_by(incidents.c.ended_at.desc(), incidents.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return as_values(Incident, connection.execute(query))

    def prune(self, *, ended_before: datetime, limit: int) -> int:
        """Delete up to `limit` incidents, and who was told of them; how many."""
        old = sa.select(incidents.c.id).where(incidents.c.ended_at < ended_before).limit(limit)
        with self._database.read() as connection:
            ids = list(connection.execute(old).scalars())
        if not ids:
            return 0
        with self._database.write() as connection:
            connection.execute(
                sa.delete(incident_notices).where(incident_notices.c.incident_id.in_(ids))
            )
            return connection.execute(sa.delete(incidents).where(incidents.c.id.in_(ids))).rowcount


_INCIDENTS = sa.select(*columns_of(Incident, incidents))
_OF_ID = sa.update(incidents).where(incidents.c.id == sa.bindparam("of_id"))


def _running(connection: sa.Connection) -> list[Incident]:
    query = _INCIDENTS.where(incidents.c.ended_at.is_(None))
    query = query.order_by(incidents.c.began_at.desc(), incidents.c.id.desc())
    return as_values(Incident, connection.execute(query))


def _open(connection: sa.Connection, new: list[Sighting], now: datetime) -> None:
    if not new:
        return
    rows = [
        {
            "kind": str(each.kind),
            "subject": each.subject,
            "facts": dict(each.facts),
            "began_at": each.since,
            "seen_at": now,
        }
        for each in new
    ]
    connection.execute(sa.insert(incidents), rows)


def _refresh(
    connection: sa.Connection, still: list[tuple[Incident, Sighting]], now: datetime
) -> None:
    """abs: after the clock was set back, seen_at lies in the future."""
    rows = [
        {"of_id": incident.id, "facts": dict(sighting.facts), "seen_at": now}
        for incident, sighting in still
        if abs(now - incident.seen_at) >= REFRESHED_EVERY
    ]
    if rows:
        connection.execute(_OF_ID, rows)


def _end(connection: sa.Connection, gone: list[Incident], now: datetime) -> list[Incident]:
    ended = [
        replace(each, ended_at=max(each.seen_at, each.began_at))
        for each in gone
        if abs(now - each.seen_at) >= GONE_AFTER
    ]
    if ended:
        rows = [{"of_id": each.id, "ended_at": each.ended_at} for each in ended]
        connection.execute(_OF_ID, rows)
    return ended
