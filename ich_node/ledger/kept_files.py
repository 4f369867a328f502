"""Every file of the spool that the ledger names, in portions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import instances, jobs, map_files, results

# Rows of the latter two outlive their files, once the job is swept.
_KEYS = {instances: instances.c.id, results: results.c.id, map_files: map_files.c.job_id}


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """path: relative to the spool."""

    path: str
    size_bytes: int


def kept_files(database: Database, *, at_once: int) -> Iterator[Sequence[KeptFile]]:
    """A transaction for each portion: the node works on meanwhile, and may remove what was named
    here a moment ago. Raises Unavailable.
    """
    for table, key in _KEYS.items():
        query = sa.select(key.label("key"), table.c.path, table.c.size_bytes)
        if table is not instances:
            query = query.join(jobs, jobs.c.id == table.c.job_id).where(jobs.c.swept_at.is_(None))
        last = 0
        while True:
            with database.read() as connection:
                rows = connection.execute(
                    query.where(key > last).order_by(key).limit(at_once)
                ).all()
            if not rows:
                break
            last = rows[-1].key
            yield [KeptFile(path=row.path, size_bytes=row.size_bytes) for row in rows]
