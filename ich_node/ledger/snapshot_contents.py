"""What a snapshot of the ledger says, whatever the version that made it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ich_node.errors import BackupError
from ich_node.ledger.schema import version_of
from ich_node.ledger.snapshot import snapshot_engine
from ich_node.ledger.spool_needs import Needs
from ich_node.ledger.states import SETTLED, JobState
from ich_node.ledger.whole_ledger import tables_in

OTHERS = ("deliveries", "search_keys", "activations", "shadows", "readings")


@dataclass(frozen=True, kw_only=True)
class NamedBundle:
    """A bundle that the ledger names, with its path at that time."""

    sha256: str
    name: str
    path: str


class SnapshotContents:
    """Of a file that `take_snapshot` wrote. A context manager; its owner closes it.

    Raises BackupError if the file is no ledger.
    """

    def __init__(self, file: Path) -> None:
        self._engine = snapshot_engine(file)
        try:
            self._connection = self._engine.connect()
            schema = version_of(self._connection)
            if schema is None:
                raise BackupError(f"{file} is not a ledger of ich-node")
            self.schema = schema
            self.needs = Needs(self._connection)
            self._tables = {**self.needs.tables, **tables_in(self._connection, *OTHERS).tables}
        except sa.exc.DatabaseError as error:
            raise BackupError(f"{file} is not a ledger of ich-node: {error.orig}") from error

    def __enter__(self) -> "SnapshotContents":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._engine.dispose()

    def counts(self) -> dict[str, int]:
        """For people: how many jobs, objects, results that are owed, and others."""
        deliveries, jobs = self._table("deliveries"), self._table("jobs")
        unread = (JobState.WAITING, JobState.READING, JobState.HELD)
        return {
            "jobs": self._count(sa.select(jobs.c.id)),
            "objects": self._count(sa.select(self._table("instances").c.id)),
            "not_read": self._count(sa.select(jobs.c.id).where(jobs.c.state.in_(unread))),
            "owed": self._count(
                sa.select(deliveries.c.id).where(deliveries.c.state.not_in(SETTLED))
            ),
        }

    def last_received_at(self) -> datetime | None:
        newest = self._value(sa.select(sa.func.max(self._table("jobs").c.last_received_at)))
        return None if newest is None else newest.replace(tzinfo=UTC)

    def destinations_owed(self) -> list[str]:
        """The names of destinations that are owed something."""
        deliveries = self._table("deliveries")
        owed = (
            sa.select(deliveries.c.destination)
            .where(deliveries.c.state.not_in(SETTLED))
            .distinct()
            .order_by(deliveries.c.destination)
        )
        return list(self._connection.execute(owed).scalars())

    def search_key(self) -> str | None:
        """The fingerprint of the key of its search terms."""
        if "search_keys" not in self._tables:
            return None
        key: str | None = self._value(sa.select(self._table("search_keys").c.fingerprint))
        return key

    def bundles(self) -> list[NamedBundle]:
        """All that were activated, or have read beside the active one."""
        named = (
            ("activations", "sha256", "name", "path"),
            ("shadows", "bundle_sha256", "name", "path"),
            ("readings", "bundle_sha256", "bundle_name", "bundle_path"),
        )
        queries = [
            sa.select(*(self._table(name).c[column] for column in columns))
            for name, *columns in named
            if name in self._tables
        ]
        rows = self._connection.execute(sa.union(*queries))
        return [NamedBundle(sha256=row[0], name=row[1], path=row[2]) for row in rows]

    def read_with(self) -> set[str]:
        """Paths of bundles that are to read a series again."""
        jobs = self._table("jobs")
        if "read_with" not in jobs.c:
            return set()
        query = sa.select(jobs.c.read_with).where(jobs.c.read_with.is_not(None)).distinct()
        return set(self._connection.execute(query).scalars())

    def _table(self, name: str) -> sa.Table:
        return self._tables[name]

    def _count(self, query: sa.Select[Any]) -> int:
        return int(self._value(sa.select(sa.func.count()).select_from(query.subquery())))

    def _value(self, query: sa.Select[Any]) -> Any:
        return self._connection.execute(query).scalar()
