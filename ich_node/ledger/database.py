"""One engine for SQLite and PostgreSQL: how transactions begin, and what the errors mean."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ich_node.errors import ConfigError, NoLedger, SpoolFull, Unavailable
from ich_node.ledger.changes import Changes
from ich_node.ledger.prepared import PreparedStatement

BUSY_SECONDS = 15.0
CONNECT_SECONDS = 10
# A host that disappears in a transaction must not keep its locks until TCP gives up.
IDLE_IN_TRANSACTION_SECONDS = 60
ENDED_AS_IDLE = "25P03"  # how PostgreSQL says so; psycopg calls it an internal error
KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
READS_ONLY = "ich_node_reads_only"


class Database:
    """Transactions on one engine. Safe to share between threads; `dispose` closes its
    connections.
    """

    def __init__(self, *, engine: sa.Engine) -> None:
        self.engine = engine
        self._reader = engine.execution_options(**{READS_ONLY: True})

    def dispose(self) -> None:
        self.engine.dispose()

    def prepare(self, statement: sa.sql.expression.UpdateBase) -> PreparedStatement:
        """For the few statements whose time counts; see prepared.py."""
        return PreparedStatement(statement, dialect=self.engine.dialect)

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver's cursor raises (PEP 249 Error)."""
        error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return error

    def changes(self) -> Changes:
        """For a loop that waits for work; the caller closes it. Raises Unavailable."""
        with errors_explained():
            return Changes(engine=self.engine)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is durable afterwards, or none of it happened."""
        with errors_explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view of the ledger, without a lock."""
        with errors_explained(), self._reader.connect() as connection:
            yield connection


def lock_writers(connection: sa.Connection, table: sa.Table) -> None:
    """No other process writes to the table until the end of the transaction; SQLite has one writer
    at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turn errors of a database that does not answer or is full into Unavailable and SpoolFull;
    other errors are bugs and pass.
    """
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        if _is_full(error):
            raise SpoolFull(f"the ledger has no room: {error.orig}") from error
        raise Unavailable(f"the ledger does not answer: {error.orig}") from error
    except sa.exc.InternalError as error:
        if getattr(error.orig, "sqlstate", None) != ENDED_AS_IDLE:
            raise
        raise Unavailable(f"the ledger ended a transaction that waited: {error.orig}") from error
    except sa.exc.TimeoutError as error:
        raise Unavailable("the ledger does not answer: all its connections are busy") from error


def _is_full(error: sa.exc.DBAPIError) -> bool:
    """SQLITE_FULL, or PostgreSQL's disk_full."""
    return (
        getattr(error.orig, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(error.orig, "sqlstate", None) == "53100"
    )


def make_engine(url: str, *, busy_seconds: float) -> sa.Engine:
    """An engine for a database URL; a missing SQLite file is made.

    busy_seconds: how long a connection waits for a lock. Raises ConfigError if the URL cannot be
    used, Unavailable if the file cannot be opened.
    """
    with _url_explained():
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return _server_engine(parsed, busy_seconds)
        _make_file(parsed)
        # named parameters: statements that the driver executes itself take a dict on both databases
        engine = sa.create_engine(
            parsed, paramstyle="named", connect_args={"timeout": busy_seconds}
        )
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_looking_engine(url: str, *, busy_seconds: float) -> sa.Engine:
    """An engine whose connections can change nothing, for a database that exists.

    Raises NoLedger if the SQLite file does not exist, ConfigError if the URL cannot be used.
    """
    with _url_explained():
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return _server_engine(parsed, busy_seconds, looks=True)
        path = _file_of(parsed)
        try:
            if not path.exists():
                raise no_ledger(str(path))
        except OSError as error:
            raise ConfigError(
                f"[database] url: cannot look for {path}: {error.strerror}"
            ) from error

        def connect() -> sqlite3.Connection:
            # rw: a file in WAL mode needs its -wal and -shm, which go when the last one closes it;
            # never made, unlike with rwc
            return sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?mode=rw",
                uri=True,
                timeout=busy_seconds,
                check_same_thread=False,
            )

        engine = sa.create_engine(parsed, paramstyle="named", creator=connect)
    sa.event.listen(engine, "connect", _set_up_looking_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def require_driver(url: str) -> None:
    """Raises ConfigError if the URL cannot be used; nothing is connected or made."""
    with _url_explained():
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            _file_of(parsed)
        parsed.get_dialect().import_dbapi()


def name_of(engine: sa.Engine) -> str:
    """Of a database, for people: its file, or its URL without the password."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        return engine.url.database
    return engine.url.render_as_string(hide_password=True)


def no_ledger(where: str) -> NoLedger:
    return NoLedger(
        f"there is no ledger at {where}:\nthe node has not received anything yet with this"
        " configuration.\nIf it runs, give the --config and the ICHNODE_HOME of its services"
    )


@contextmanager
def _url_explained() -> Iterator[None]:
    try:
        yield
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError(f"[database] url: {error}") from error
    except ModuleNotFoundError as error:
        remedy = "; write postgresql+psycopg://" if error.name == "psycopg2" else ""
        raise ConfigError(
            f"[database] url: the driver '{error.name}' is not installed{remedy}"
        ) from error


def _server_engine(url: sa.URL, busy_seconds: float, *, looks: bool = False) -> sa.Engine:
    """PostgreSQL. Every wait has a limit: for a server that does not answer, for a lock, and for a
    client that died while it held one. looks: its transactions can change nothing.
    """
    engine = sa.create_engine(
        url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS, **KEEPALIVE}
    )
    settings = {
        "lock_timeout": f"{round(1000 * busy_seconds)}ms",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
        "timezone": "UTC",
        "default_transaction_read_only": "on" if looks else "off",
    }

    def set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for name, value in settings.items():
            cursor.execute(f"SET {name} = '{value}'")
        cursor.close()
        connection.commit()

    sa.event.listen(engine, "connect", set_up)
    return engine


def _make_file(url: sa.URL) -> None:
    """Make the database file if it is missing, in WAL mode, readable by this user only (SQLite
    gives -wal and -shm the same mode).
    """
    path = _file_of(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_wal_file(path)
    except OSError as error:
        raise ConfigError(f"[database] url: cannot make {path}: {error.strerror}") from error
    except sqlite3.OperationalError as error:
        raise Unavailable(f"cannot make the ledger {path}: {error}") from error


def _file_of(url: sa.URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "[database] url: a ledger in memory cannot be shared by the processes; give a file:"
            " sqlite:///PATH"
        )
    return Path(url.database)


def _make_wal_file(path: Path) -> None:
    """An empty database appears under its final name in one step. Processes that switched the mode
    of one file at the same time would get "locked" at once.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        # another process may have made it first
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _set_up_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """WAL: readers and one writer work at the same time. FULL: a commit is on disk when it returns,
    because an acknowledgement follows it.
    """
    assert isinstance(connection, sqlite3.Connection)
    # The driver must not begin transactions: its BEGIN would come after the first SELECT of a
    # claim. _begin_sqlite does it.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _set_up_looking_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the lock at BEGIN, where SQLite waits for it; a reader that writes later would
    be refused at once.
    """
    reads_only = connection.get_execution_options().get(READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
