"""INSERT ... ON CONFLICT, which SQLite and PostgreSQL write alike and SQLAlchemy does not."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_or(connection: sa.Connection, table: sa.Table) -> Insert:
    """For on_conflict_do_update or on_conflict_do_nothing."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
