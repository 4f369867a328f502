"""The maintenance part of the ledger: retention of files and rows, and repair after the clock was
set back.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from ich_node.ledger import clock_repair, retention
from ich_node.ledger.database import Database
from ich_node.ledger.kept_files import KeptFile, kept_files
from ich_node.ledger.tables import answers


class MaintenanceLedger:
    """Forgets the files of series that were read and delivered; jobs, events and the results' UIDs
    stay until they are pruned.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep_series(
        self, *, idle_since: datetime, failed_too: bool, limit: int, now: datetime
    ) -> list[str]:
        """Forget the files of up to `limit` series, the oldest first; their paths, some of which
        other series may still need.

        Only series whose every revision has ended, that got no object and delivered no result since
        idle_since, and that owe nothing: a delivery that was given up, or that is not yet
        committed, keeps its series.
        """
        # The search may read many rows: it takes no lock, so that no receiver waits for it.
        with self._database.read() as connection:
            candidates = retention.sweepable_series(
                connection, idle_since=idle_since, failed_too=failed_too, limit=limit
            )
        if not candidates:
            return []
        with self._database.write() as connection:
            return [
                path
                for series in candidates
                for path in retention.sweep_series(
                    connection, series, failed_too=failed_too, now=now
                )
            ]

    def prune(self, *, swept_before: datetime, limit: int) -> int:
        """Delete the rows of up to `limit` jobs, with their results, deliveries and events; how
        many.

        Only of series whose every revision was swept before then: they owe nothing, and no file
        belongs to them.
        """
        with self._database.read() as connection:
            if not retention.is_any_prunable(connection, swept_before=swept_before):
                return 0
        with self._database.write() as connection:
            return retention.prune(connection, swept_before=swept_before, limit=limit)

    def unreferenced(self, paths: Collection[str]) -> set[str]:
        """Those of the paths (relative to the spool) that no object, result or reading needs."""
        with self._database.read() as connection:
            return retention.unreferenced(connection, paths)

    def kept_files(self, *, at_once: int) -> Iterator[Sequence[KeptFile]]:
        """Every file that must be in the spool, in portions. Raises Unavailable."""
        return kept_files(self._database, at_once=at_once)

    def shorten_waits(self, *, now: datetime, longest: timedelta) -> int:
        """After the clock was set back: shorten every wait that ends later than `longest` from now;
        how many.

        longest: the longest wait that any setting gives.
        """
        with self._database.write() as connection:
            return clock_repair.shorten_waits(connection, now=now, longest=longest)

    def forget_answers(self, *, made_before: datetime) -> int:
        """Delete older answers of the network; how many. A later reading asks the network again."""
        with self._database.write() as connection:
            return connection.execute(
                sa.delete(answers).where(answers.c.made_at < made_before)
            ).rowcount
