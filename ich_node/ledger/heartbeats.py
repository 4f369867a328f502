"""What the processes of the services say about themselves every few seconds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import as_values, columns_of, heartbeats
from ich_node.ledger.upsert import insert_or

THE_PROCESS = ("host", "service", "pid")


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """One process. beat_at: when its loops last turned. is_ready: it does its work now, e.g. has
    loaded a bundle. facts: what else it says of itself; JSON, no patients.
    """

    host: str
    service: str
    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    is_ready: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


class HeartbeatLedger:
    """One row for each process that runs, and for those that ended without removing theirs."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def beat(self, heartbeat: Heartbeat) -> None:
        """The process lives at `beat_at`."""
        with self._database.write() as connection:
            values = asdict(heartbeat)
            changed = {name: values[name] for name in values if name not in THE_PROCESS}
            connection.execute(
                insert_or(connection, heartbeats)
                .values(values)
                .on_conflict_do_update(index_elements=THE_PROCESS, set_=changed)
            )

    def end(self, *, host: str, service: str, pid: int) -> None:
        """The process ends, or has ended."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(heartbeats).where(
                    heartbeats.c.host == host,
                    heartbeats.c.service == service,
                    heartbeats.c.pid == pid,
                )
            )

    def all(self) -> list[Heartbeat]:
        """By service, then host, the newest process first."""
        query = sa.select(*columns_of(Heartbeat, heartbeats)).order_by(
            heartbeats.c.service, heartbeats.c.host, heartbeats.c.started_at.desc()
        )
        with self._database.read() as connection:
            return as_values(Heartbeat, connection.execute(query))

    def prune(self, *, before: datetime) -> int:
        """Forget processes of which nothing was heard since then; how many."""
        with self._database.read() as connection:
            is_any = connection.execute(
                sa.select(heartbeats.c.pid).where(heartbeats.c.beat_at < before).limit(1)
            ).first()
        if is_any is None:
            return 0
        with self._database.write() as connection:
            return connection.execute(
                sa.delete(heartbeats).where(heartbeats.c.beat_at < before)
            ).rowcount
