"""The schema, brought up to this program's version by the first process that opens the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import sqlalchemy as sa

from ich_node.errors import ConfigError, EarlierLedger
from ich_node.ledger.database import READS_ONLY, errors_explained, name_of, no_ledger

HEAD = "0006"  # the newest of ich_node/ledger/migrations/versions
MIGRATION_LOCK = 0x1C4_0DE  # any fixed number: PostgreSQL advisory locks are named by one


def update_schema(engine: sa.Engine) -> None:
    """Bring the schema to this program's version, if it has another one.

    Raises ConfigError if the database is no ledger or a newer program made it, Unavailable if it
    does not answer.
    """
    where = name_of(engine)
    with _not_a_ledger_explained(where):
        if _version(engine) == HEAD:
            return
        with engine.begin() as connection:
            _migrate(connection, where)


def require_schema(engine: sa.Engine) -> None:
    """Raises NoLedger if the database is empty, ConfigError if it is no ledger or its schema is of
    another version, Unavailable if it does not answer.
    """
    where = name_of(engine)
    with _not_a_ledger_explained(where):
        version = _version(engine)
    if version is None:
        raise no_ledger(where)
    if version < HEAD:
        raise EarlierLedger(
            f"the ledger {where}\nhas schema {version} of an earlier version, and this one needs"
            f" {HEAD};\nstart the node: its services bring the ledger up to date"
        )
    if version > HEAD:
        raise _made_by_a_newer_version(version, where)


def _version(engine: sa.Engine) -> str | None:
    with engine.execution_options(**{READS_ONLY: True}).connect() as connection:
        return version_of(connection)


@contextmanager
def _not_a_ledger_explained(where: str) -> Iterator[None]:
    try:
        with errors_explained():
            yield
    except sa.exc.DatabaseError as error:
        raise ConfigError(
            f"[database] url: {where} is not a ledger of ich-node: {error.orig}"
        ) from error


def version_of(connection: sa.Connection) -> str | None:
    """The schema's revision; None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM alembic_version"
    ).scalar()
    return version


def _migrate(connection: sa.Connection, where: str) -> None:
    # Alembic takes 12 MB, which a running service does not need.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    version = version_of(connection)
    config = Config()
    config.set_main_option("script_location", str(files("ich_node.ledger") / "migrations"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise _made_by_a_newer_version(version, where)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _made_by_a_newer_version(version: str, where: str) -> ConfigError:
    return ConfigError(
        f"the ledger {where} has schema {version}, which a newer ich-node made; this one knows"
        f" up to {HEAD}"
    )
