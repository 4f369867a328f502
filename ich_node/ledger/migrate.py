"""The schema brought to this code's version, once, by whoever comes first. Imported only when there
is something to bring.
"""

from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from ich_node.errors import ConfigError
from ich_node.ledger.database import HEAD, version_of

MIGRATION_LOCK = 0x1C4_0DE  # any fixed number: PostgreSQL advisory locks are named by one


def migrate(connection: sa.Connection, *, where: str) -> None:
    """In the connection's transaction. Raises ConfigError if a newer program made the schema."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    version = version_of(connection)
    config = Config()
    config.set_main_option("script_location", str(files("ich_node.ledger") / "migrations"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise ConfigError(
            f"the ledger {where} has schema {version}, which a newer ich-node made; this one knows up to {HEAD}"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
