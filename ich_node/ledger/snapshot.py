"""The whole ledger at one moment, as one SQLite file, while the services go on writing.

Also of a PostgreSQL: the file needs no pg_dump of the server's version, any node can check it, and
it can be restored into either database. From SQLite it comes by its backup API, in one step; from
PostgreSQL by one REPEATABLE READ transaction. Neither waits for writers, or makes them wait.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from ich_node.errors import BackupError, SpoolFull
from ich_node.ledger.audit import AuditLedger
from ich_node.ledger.database import (
    BUSY_SECONDS,
    Database,
    errors_explained,
    make_engine,
    make_looking_engine,
    name_of,
    no_ledger,
)
from ich_node.ledger.measurements import BACKUP, MeasurementLedger
from ich_node.ledger.schema import HEAD, schema_of
from ich_node.ledger.spool_needs import Needs
from ich_node.ledger.whole_ledger import (
    copy_rows,
    file_engine,
    known_schemas,
    make_schema,
)

PATHS_AT_ONCE = 500  # in one query


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """schema: of the file. unknown: columns of a PostgreSQL that a later version has added, and
    that this one can neither read nor copy.
    """

    schema: str
    unknown: tuple[str, ...] = ()


def take_snapshot(url: str, file: Path) -> Snapshot:
    """Write the ledger behind the URL into a new file, durably.

    Raises NoLedger, ConfigError if it is no ledger or only newer programs can use it, BackupError
    if it is damaged, SpoolFull, Unavailable.
    """
    engine = make_looking_engine(url, busy_seconds=BUSY_SECONDS)
    try:
        schema, unknown = _usable_schema(engine), list[str]()
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        if engine.dialect.name == "sqlite":
            _copy_file(Path(str(engine.url.database)), file)
        else:
            known = schema if schema in known_schemas() else HEAD
            schema, unknown = known, _copy_server(engine, known, file)
    finally:
        engine.dispose()
    check_snapshot(file)
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return Snapshot(schema=schema, unknown=tuple(unknown))


def ledger_bytes(url: str) -> int:
    """About how large a snapshot becomes. Raises NoLedger, ConfigError, Unavailable."""
    engine = make_looking_engine(url, busy_seconds=BUSY_SECONDS)
    try:
        if engine.dialect.name == "sqlite":
            file = Path(str(engine.url.database))
            return sum(
                each.stat().st_size
                for each in (file, file.with_name(f"{file.name}-wal"))
                if each.exists()
            )
        with Database(engine=engine).read() as connection:
            size = sa.func.pg_database_size(sa.func.current_database())
            return int(connection.execute(sa.select(size)).scalar_one())
    finally:
        engine.dispose()


def check_snapshot(file: Path) -> None:
    """Raises BackupError if the file is damaged, or no ledger."""
    try:
        with closing(_read_only(file)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"the ledger in {file} is damaged: {error}") from error
    if said != "ok":
        raise BackupError(f"the ledger in {file} is damaged: {said}")


def snapshot_engine(file: Path) -> sa.Engine:
    """For looking at a snapshot, also on a medium that cannot be written."""
    return sa.create_engine("sqlite://", creator=lambda: _read_only(file), poolclass=sa.NullPool)


def living_needs(url: str, paths: Collection[str]) -> set[str]:
    """Those of the paths that a row of the ledger behind the URL needs now. Raises Unavailable."""
    engine = make_looking_engine(url, busy_seconds=BUSY_SECONDS)
    wanted, found = list(paths), set[str]()
    try:
        with Database(engine=engine).read() as connection:
            needs = Needs(connection)
            for first in range(0, len(wanted), PATHS_AT_ONCE):
                found |= needs.among(wanted[first : first + PATHS_AT_ONCE])
    finally:
        engine.dispose()
    return found


def note_backup(
    url: str, *, now: datetime, who: str, host: str, folder: str, name: str, is_whole: bool
) -> None:
    """In the journal, since a backup holds images of patients; of a whole one also as a
    measurement: when the last was made. A ledger of an earlier version has neither. Raises
    Unavailable.
    """
    engine = make_engine(url, busy_seconds=BUSY_SECONDS)
    database = Database(engine=engine)
    try:
        with database.read() as connection:
            names = sa.inspect(connection).get_table_names()
        if {"audit_events", "measurements"} <= set(names):
            if is_whole:
                facts = {"folder": folder, "backup": name}
                MeasurementLedger(database=database).keep(BACKUP, facts, now=now)
            AuditLedger(database=database).record(
                at=now, who=who, address=host, action=BACKUP, target=folder
            )
    finally:
        database.dispose()


def _usable_schema(engine: sa.Engine) -> str:
    """Raises NoLedger, ConfigError, Unavailable."""
    found = schema_of(engine).version
    if found is None:
        raise no_ledger(name_of(engine))
    return found


def _copy_file(source: Path, target: Path) -> None:
    with (
        _full_explained(),
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as ledger,
        closing(sqlite3.connect(target)) as copy,
    ):
        ledger.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_SECONDS)}")
        # all pages in one step: one reading transaction, which no writer makes begin again
        ledger.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal and -shm


def _copy_server(engine: sa.Engine, schema: str, target: Path) -> list[str]:
    copy_engine = file_engine(target)
    one_view = engine.execution_options(isolation_level="REPEATABLE READ")
    with (
        errors_explained(),
        one_view.connect() as ledger,
        copy_engine.begin() as copy,
    ):
        make_schema(copy, schema)
        return copy_rows(ledger, copy)


@contextmanager
def _full_explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
            raise SpoolFull(f"no room for the copy of the ledger: {error}") from error
        raise BackupError(f"the ledger cannot be copied: {error}") from error


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )
