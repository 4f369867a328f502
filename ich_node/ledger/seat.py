"""What every part of the ledger has: transactions, and the journal that is written inside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.changes import Changes
from ich_node.ledger.database import READS_ONLY, errors_explained
from ich_node.ledger.tables import job_events


class Seat:
    """One view on the ledger. Safe to share between threads; `dispose` closes its connections."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{READS_ONLY: True})

    def dispose(self) -> None:
        self._engine.dispose()

    def news(self) -> Changes:
        """For a loop that waits for work; to be closed. Raises Unavailable."""
        with errors_explained():
            return Changes(self._engine)

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is durable afterwards, or none of it happened."""
        with errors_explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with errors_explained(), self._reader.connect() as connection:
            yield connection


def note(
    connection: sa.Connection, job_id: int, at: datetime, event: str, detail: str = ""
) -> None:
    """One line in the job's journal, in the same transaction as what it tells."""
    connection.execute(
        sa.insert(job_events).values(job_id=job_id, at=at, event=event, detail=detail)
    )
