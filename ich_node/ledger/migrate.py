"""The schema, brought up to this program's version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ich_node.ledger import kept_copy
from ich_node.ledger.database import name_of
from ich_node.ledger.schema import (
    FLOOR,
    HEAD,
    USABLE_FROM,
    not_a_ledger_explained,
    schema_of,
    version_of,
)
from ich_node.ledger.tables import measurements
from ich_node.ledger.upsert import insert_or

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK = 0x1C4_0DE  # any fixed number: PostgreSQL advisory locks are named by one


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A file of ich_node/ledger/migrations/versions. about: its docstring. usable_from: programs
    that know this schema can use a ledger after it; what a migration that only adds names by
    `usable_from = "..."`, any other is usable from its own revision on.
    """

    revision: str
    about: str
    usable_from: str


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """before: the schema, which is HEAD if there was nothing to do; None for a new ledger. copy: of
    the SQLite ledger as it was.
    """

    before: str | None
    copy: Path | None = None


def update_schema(engine: sa.Engine, *, with_copy: bool = True) -> Migrated:
    """Bring the schema to this program's version, in one transaction, if it has an older one or
    none. with_copy: of SQLite, a copy of the ledger as it was is kept beside it.

    Raises ConfigError if the database is no ledger or only newer programs can use it, Unavailable
    if it does not answer, or another process holds its locks for long, SpoolFull if the copy has no
    room.
    """
    found, where = schema_of(engine), name_of(engine)
    if found.version is not None and not found.is_older:
        return Migrated(before=found.version)
    with not_a_ledger_explained(where), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        version = version_of(connection)  # another process may have been faster
        if version is not None and version >= HEAD:
            return Migrated(before=version)
        copy = None
        if version is not None and with_copy and engine.dialect.name == "sqlite":
            assert engine.url.database is not None
            # this transaction has the write lock: nothing is committed after the copy
            copy = kept_copy.keep_copy(Path(engine.url.database), version)
        _migrate(connection)
    return Migrated(before=version, copy=copy)


def migrations() -> list[Migration]:
    """All that this program knows, the oldest first."""
    # Alembic takes 12 MB, which a running service does not need.
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return [
        Migration(
            revision=each.revision,
            about=" ".join((each.module.__doc__ or "").split()),
            usable_from=getattr(each.module, USABLE_FROM, each.revision),
        )
        for each in reversed(list(found))
    ]


def floor_of(known: Sequence[Migration]) -> str:
    """From which schema on programs can use a ledger after all of them."""
    return max(each.usable_from for each in known)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("ich_node.ledger") / "migrations"))
    return config


def _migrate(connection: sa.Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    floor = {"at": datetime.now(UTC), "facts": {USABLE_FROM: floor_of(migrations())}}
    connection.execute(
        insert_or(connection, measurements)
        .values(name=FLOOR, **floor)
        .on_conflict_do_update(index_elements=("name",), set_=floor)
    )
