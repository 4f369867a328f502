"""Waiting for the ledger to change: work must not lie for half a second until somebody asks, nor be asked for all the time."""

import sqlite3
from threading import Event

import sqlalchemy as sa

from ich_node.errors import Unavailable

# SQLite tells for 30 microseconds whether another connection has written; a query takes 50 times as long.
LOOK_SECONDS = 0.1
# Then time itself may have made something ready.
SQLITE_SECONDS, SERVER_SECONDS = 1.0, 0.5


class News:
    """One a loop. SQLite's changes are noticed at once; PostgreSQL's when the time is over, which therefore is shorter."""

    def __init__(self, engine: sa.Engine) -> None:
        # of its own: the number says what others wrote, and must have been read before the loop asked for work
        self._connection = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._version = self._read()

    def wait(self, stop: Event, seconds: float | None = None) -> None:
        """Until somebody has written since the end of the last wait, stop is set, or the time is over. Raises Unavailable."""
        if self._connection is None:
            stop.wait(SERVER_SECONDS if seconds is None else seconds)
            return
        for _ in range(round((SQLITE_SECONDS if seconds is None else seconds) / LOOK_SECONDS)):
            if stop.wait(LOOK_SECONDS):  # first: while a series arrives there is news all the time
                return
            version, self._version = self._version, self._read()
            if version != self._version:
                return

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _read(self) -> int:
        """PRAGMA data_version."""
        if self._connection is None:
            return 0
        cursor = self._connection.cursor()
        try:
            version: int = cursor.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise Unavailable(f"the ledger does not answer: {error}") from error
        finally:
            cursor.close()
        return version
