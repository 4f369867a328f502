"""Waiting until the ledger changes, so that a loop finds new work at once without asking for it all
the time.
"""

import sqlite3
from threading import Event

import sqlalchemy as sa

from ich_node.errors import Unavailable

# SQLite says within 30 microseconds whether another connection has written; a query takes 50 times
# as long.
POLL_SECONDS = 0.1
# The interval while others write, and how long it stays that short after the last change.
BUSY_POLL_SECONDS, BUSY_SECONDS = 0.01, 5.0
# The longest wait: a time may have come at which something is ready.
SQLITE_SECONDS, SERVER_SECONDS = 1.0, 0.5


class Changes:
    """Each loop has its own. Changes of SQLite are noticed at once; of PostgreSQL only when the
    wait is over, which therefore is shorter.
    """

    def __init__(self, *, engine: sa.Engine) -> None:
        # A connection of its own, because data_version counts the commits of other connections. The
        # first number is read before the loop asks for work.
        self._connection = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._version = self._read()
        self._busy_seconds = 0.0  # how long to poll at the short interval

    def wait(self, stop: Event, seconds: float | None = None) -> None:
        """Until another connection has written since the end of the last wait, stop is set, or the
        time is over. Raises Unavailable.

        While writes continue, wait for a pause, for up to POLL_SECONDS: while a series arrives
        there are writes all the time, and its last object is what counts.
        """
        if self._connection is None:
            stop.wait(SERVER_SECONDS if seconds is None else seconds)
            return
        waited_seconds, has_changed = 0.0, False
        while waited_seconds < (SQLITE_SECONDS if seconds is None else seconds):
            poll_seconds = BUSY_POLL_SECONDS if self._busy_seconds > 0 else POLL_SECONDS
            if stop.wait(poll_seconds):
                return
            waited_seconds += poll_seconds
            is_writing = self._has_changed()
            self._busy_seconds = BUSY_SECONDS if is_writing else self._busy_seconds - poll_seconds
            has_changed = has_changed or is_writing
            if has_changed and (not is_writing or waited_seconds >= POLL_SECONDS):
                return

    def _has_changed(self) -> bool:
        version, self._version = self._version, self._read()
        return version != self._version

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _read(self) -> int:
        """The value of PRAGMA data_version."""
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
