"""All rows of a ledger, from one database into another of the same schema.

The tables are those that the databases have, not those of this program: a ledger is also copied
before it is brought up to date.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy as sa

ROWS_AT_ONCE = 2_000
VERSION_TABLE = "alembic_version"


def file_engine(file: Path) -> sa.Engine:
    """For a whole ledger that nobody else uses. Nothing of it is durable before the file is
    synced; who dies before that has no ledger.
    """
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = OFF")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def known_schemas() -> frozenset[str]:
    """The versions that this program can make."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(_migrations())
    return frozenset(each.revision for each in scripts.walk_revisions())


def make_schema(connection: sa.Connection, version: str = "head") -> None:
    """Bring a ledger, or an empty database, to this version, in the transaction of the caller."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _migrations())
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def tables_in(connection: sa.Connection, *names: str) -> sa.MetaData:
    """As the database describes them: all, or those of these names that there are."""
    found = sa.MetaData()
    wanted = (lambda name, _: name in names) if names else None
    found.reflect(connection, only=wanted, resolve_fks=not names)
    return found


def copy_rows(source: sa.Connection, target: sa.Connection) -> list[str]:
    """Into empty tables, those that others refer to first; the tables and columns of a later schema
    that the target does not have.
    """
    have, want = tables_in(source), tables_in(target)
    repair = _repair(target.dialect.name)
    for table in want.sorted_tables:
        if table.name == VERSION_TABLE or table.name not in have.tables:
            continue
        columns = [each.name for each in table.columns if each.computed is None]
        query = sa.select(*(have.tables[table.name].c[name] for name in columns))
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for batch in rows.mappings().partitions():
            target.execute(sa.insert(table), [repair(dict(row)) for row in batch])
    if target.dialect.name == "postgresql":
        _count_on(target, want)
    return sorted(_names(have) - _names(want))


def empty(connection: sa.Connection) -> None:
    """Delete all rows."""
    for table in reversed(tables_in(connection).sorted_tables):
        if table.name != VERSION_TABLE:
            connection.execute(sa.delete(table))


def _names(tables: sa.MetaData) -> set[str]:
    return {f"{table.name}.{column.name}" for table in tables.sorted_tables for column in table.c}


def _repair(dialect: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What one of the two databases has and the other does not: SQLite knows no zone, and
    PostgreSQL no NUL in a text.
    """

    def for_postgresql(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return value.replace("\0", "") if isinstance(value, str) else value

    def for_sqlite(value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None)
        return value

    one = for_postgresql if dialect == "postgresql" else for_sqlite
    return lambda row: {name: one(value) for name, value in row.items()}


def _count_on(connection: sa.Connection, tables: sa.MetaData) -> None:
    """The next id of each table follows the largest one; PostgreSQL does not see ids that it did
    not give itself.
    """
    for table in tables.sorted_tables:
        for column in _numbered(table):
            largest = connection.execute(sa.select(sa.func.max(column))).scalar()
            sequence = connection.execute(
                sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
            ).scalar()
            if sequence is not None and largest is not None:
                connection.execute(sa.select(sa.func.setval(sequence, largest)))


def _numbered(table: sa.Table) -> Iterator[sa.Column[Any]]:
    return (each for each in table.primary_key.columns if isinstance(each.type, sa.Integer))


def _migrations() -> str:
    return str(files("ich_node.ledger") / "migrations")
