"""The driver itself, for the one transaction whose time counts: that of an object which arrives.

SQLAlchemy writes the statements. To execute one it takes longer than SQLite does, so these are
handed to the driver: 0.5 ms of CPU an object instead of 0.9.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

# Of the driver's errors (PEP 249), those that somebody here tells from others, most special first.
KINDS = (sa.exc.IntegrityError, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DBAPIError)
LOOK_AGAIN_SECONDS = 0.0003
PRIMARY_CODE = 0xFF  # without the reason, such as that somebody repairs the file after a crash


class Prepared:
    """A statement as text for one database. Of its parameters, those without a value are named when
    it is executed.
    """

    def __init__(self, statement: sa.sql.expression.UpdateBase, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._convert = {
            name: convert
            for name, parameter in compiled.binds.items()
            if (convert := parameter.type.dialect_impl(dialect).bind_processor(dialect))
        }
        self._constant = {
            name: self._converted(name, parameter.effective_value)
            for name, parameter in compiled.binds.items()
            if not parameter.required
        }
        self._order = compiled.positiontup

    def execute(self, cursor: Any, named: Mapping[str, object]) -> Any:
        """The cursor, as the driver gives it. named: those that the statement does not ask for are
        left out.
        """
        values = {
            **self._constant,
            **{name: self._converted(name, value) for name, value in named.items()},
        }
        return cursor.execute(
            self._text, values if self._order is None else [values[name] for name in self._order]
        )

    def _converted(self, name: str, value: object) -> object:
        convert = self._convert.get(name)
        return convert(value) if convert else value


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[Any]:
    """As engine.begin() of one that writes, with its errors; it gives the driver's cursor."""
    dbapi = engine.dialect.loaded_dbapi
    try:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            if engine.dialect.name == "sqlite":
                _begin_sqlite(cursor)
            yield cursor
            connection.commit()
        finally:
            connection.close()  # what was not committed is rolled back
    except dbapi.Error as error:
        kind = next(
            (kind for kind in KINDS if isinstance(error, getattr(dbapi, kind.__name__, ()))),
            sa.exc.DBAPIError,
        )
        raise kind(None, None, error) from error


def _begin_sqlite(cursor: Any) -> None:
    """Queue for the lock, for as long as the connection has patience.

    SQLite itself sleeps for 1 ms before it looks again, then 2, 5 and 10; other receivers have the
    lock for less than one.
    """
    patience_ms: int = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
    deadline = time.monotonic() + patience_ms / 1000
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if (
                    error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY
                    or time.monotonic() > deadline
                ):
                    raise
            time.sleep(LOOK_AGAIN_SECONDS)
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
