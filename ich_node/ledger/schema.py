"""Which schema the ledger has, and whether this program can use it.

A migration first only adds (expand): what an older program wrote stays, and what it writes is
complete. The ledger therefore says from which schema on programs can use it, so that a host of the
last version works beside one of this version, and one can go back. What older programs need is
taken away a version later (contract): that raises the floor.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.errors import ConfigError, EarlierLedger
from ich_node.ledger.database import READS_ONLY, errors_explained, name_of, no_ledger
from ich_node.ledger.tables import as_values, heartbeats, measurements

HEAD = "0006"  # the newest of ich_node/ledger/migrations/versions
FLOOR = "schema floor"  # the measurement with the fact USABLE_FROM
USABLE_FROM = "usable_from"


@dataclass(frozen=True, kw_only=True)
class UserOfLedger:
    """A process whose heartbeat is in the ledger."""

    host: str
    service: str
    pid: int
    version: str
    beat_at: datetime


@dataclass(frozen=True, kw_only=True)
class Schema:
    """version: None for an empty database. usable_from: programs that know this schema can use the
    ledger. users: processes that use it as it is; None where the schema has no heartbeats.
    """

    version: str | None
    usable_from: str | None
    users: Sequence[UserOfLedger] | None

    @property
    def is_older(self) -> bool:
        """A program of this version migrates it first."""
        return self.version is not None and self.version < HEAD


def schema_of(engine: sa.Engine) -> Schema:
    """Raises ConfigError if the database is no ledger, or is one that only newer programs can use;
    Unavailable if it does not answer.
    """
    where = name_of(engine)
    reader = engine.execution_options(**{READS_ONLY: True})
    with not_a_ledger_explained(where), reader.connect() as connection:
        found = _schema(connection)
    require_usable(found.version, found.usable_from, where)
    return found


def require_schema(engine: sa.Engine) -> None:
    """Raises NoLedger if the database is empty, EarlierLedger if it must be migrated, ConfigError
    if it is no ledger or only newer programs can use it, Unavailable if it does not answer.
    """
    where, found = name_of(engine), schema_of(engine)
    if found.version is None:
        raise no_ledger(where)
    if found.is_older:
        raise EarlierLedger(
            f"the ledger {where}\nhas schema {found.version} of an earlier version, and this one"
            f" needs {HEAD};\nstart the node: its services bring the ledger up to date."
            " `ich-node migrate` does it now"
        )


def require_usable(version: str | None, usable_from: str | None, where: str) -> None:
    """Raises ConfigError."""
    if version is not None and version > HEAD and (usable_from is None or usable_from > HEAD):
        raise ConfigError(
            f"the ledger {where} has schema {version}, which a newer ich-node made; this one knows"
            f" up to {HEAD}"
        )


def version_of(connection: sa.Connection) -> str | None:
    """The schema's revision; None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM alembic_version"
    ).scalar()
    return version


@contextmanager
def not_a_ledger_explained(where: str) -> Iterator[None]:
    try:
        with errors_explained():
            yield
    except sa.exc.DatabaseError as error:
        raise ConfigError(
            f"[database] url: {where} is not a ledger of ich-node: {error.orig}"
        ) from error


def _schema(connection: sa.Connection) -> Schema:
    version = version_of(connection)
    if version is None or version == HEAD:  # nobody asks for the rest
        return Schema(version=version, usable_from=HEAD, users=())
    tables = sa.inspect(connection)
    has_users = tables.has_table(heartbeats.name)
    return Schema(
        version=version,
        usable_from=_floor(connection) if tables.has_table(measurements.name) else None,
        users=_users(connection) if has_users else None,
    )


def _floor(connection: sa.Connection) -> str | None:
    query = sa.select(measurements.c.facts).where(measurements.c.name == FLOOR)
    facts = connection.execute(query).scalar()
    return facts[USABLE_FROM] if facts else None


def _users(connection: sa.Connection) -> list[UserOfLedger]:
    """The columns are those of every schema that has heartbeats."""
    query = sa.select(*(heartbeats.c[name] for name in UserOfLedger.__dataclass_fields__)).order_by(
        heartbeats.c.host, heartbeats.c.service, heartbeats.c.pid
    )
    return as_values(UserOfLedger, connection.execute(query))
