"""Which files of the spool a ledger needs, whatever the version that made it."""

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.whole_ledger import ROWS_AT_ONCE, tables_in

MADE = ("results", "map_files")  # their files belong to a job


class Needs:
    """Which files of the spool the rows of a ledger need; of a snapshot, or of the living one."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.tables = tables_in(connection, "jobs", "instances", *MADE).tables

    def all(self) -> Iterator[tuple[str, int]]:
        """Path and size in bytes; one that several rows need comes once."""
        each = [self._paths(name, "size_bytes") for name in self._names()]
        rows = self._connection.execution_options(yield_per=ROWS_AT_ONCE).execute(sa.union(*each))
        for row in rows:
            yield row.path, row.size_bytes

    def among(self, paths: Collection[str]) -> set[str]:
        """Those of the paths that a row needs."""
        each = [
            query.where(self.tables[name].c.path.in_(paths))
            for name in self._names()
            for query in [self._paths(name)]
        ]
        return set(self._connection.execute(sa.union(*each)).scalars())

    def _names(self) -> list[str]:
        return [name for name in ("instances", *MADE) if name in self.tables]

    def _paths(self, name: str, *columns: str) -> sa.Select[Any]:
        table, jobs = self.tables[name], self.tables["jobs"]
        query = sa.select(table.c.path, *(table.c[column] for column in columns))
        if name not in MADE:
            return query
        return query.join(jobs, jobs.c.id == table.c.job_id).where(jobs.c.swept_at.is_(None))
