"""Which file of the spool has the maps of a job's reading."""

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.rows import MapFile
from ich_node.ledger.tables import as_values, columns_of, map_files


class MapLedger:
    """For people who look at a reading."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def of(self, job_id: int) -> MapFile | None:
        """None if the job was not read, or by a version that kept no maps. Its file may have been
        swept.
        """
        query = sa.select(*columns_of(MapFile, map_files)).where(map_files.c.job_id == job_id)
        with self._database.read() as connection:
            found = as_values(MapFile, connection.execute(query))
        return found[0] if found else None


def keep_map_file(
    connection: sa.Connection, job_id: int, kept: MapFile, *, bundle_sha256: str
) -> None:
    """In place of that of an earlier attempt."""
    connection.execute(sa.delete(map_files).where(map_files.c.job_id == job_id))
    connection.execute(
        sa.insert(map_files).values(
            job_id=job_id, bundle_sha256=bundle_sha256, path=kept.path, size_bytes=kept.size_bytes
        )
    )
