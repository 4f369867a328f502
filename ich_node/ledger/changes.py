"""Waiting for the ledger to change: work must not lie for half a second until somebody asks, nor be
asked for all the time.
"""

import sqlite3
from threading import Event

import sqlalchemy as sa

from ich_node.errors import Unavailable

# SQLite tells for 30 microseconds whether another connection has written; a query takes 50 times as
# long.
LOOK_SECONDS = 0.1
# So often while there is news, and for so long after it: what comes next comes soon.
BUSY_LOOK_SECONDS, BUSY_SECONDS = 0.01, 5.0
# Then time itself may have made something ready.
SQLITE_SECONDS, SERVER_SECONDS = 1.0, 0.5


class Changes:
    """One a loop. SQLite's changes are noticed at once; PostgreSQL's when the time is over, which
    therefore is shorter.
    """

    def __init__(self, engine: sa.Engine) -> None:
        # of its own: the number says what others wrote, and must have been read before the loop
        # asked for work
        self._connection = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._version = self._read()
        self._busy_seconds = 0.0  # are left

    def wait(self, stop: Event, seconds: float | None = None) -> None:
        """Until somebody has written since the end of the last wait, stop is set, or the time is
        over. Raises Unavailable.

        Who goes on writing is let go on, for no longer than a look takes when nothing happens: a
        series arrives with news all the time, and its last object is what counts.
        """
        if self._connection is None:
            stop.wait(SERVER_SECONDS if seconds is None else seconds)
            return
        waited_seconds, there_is_news = 0.0, False
        while waited_seconds < (SQLITE_SECONDS if seconds is None else seconds):
            look_seconds = BUSY_LOOK_SECONDS if self._busy_seconds > 0 else LOOK_SECONDS
            if stop.wait(look_seconds):
                return
            waited_seconds += look_seconds
            is_new = self._has_changed()
            self._busy_seconds = BUSY_SECONDS if is_new else self._busy_seconds - look_seconds
            there_is_news = there_is_news or is_new
            if there_is_news and (not is_new or waited_seconds >= LOOK_SECONDS):
                return

    def _has_changed(self) -> bool:
        version, self._version = self._version, self._read()
        return version != self._version

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
