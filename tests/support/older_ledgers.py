"""Ledgers of earlier versions."""

import json
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.support import REPOSITORY


def upgraded(connection: sa.Connection, revision: str) -> None:
    """The schema of that revision, from an earlier one or from nothing."""
    config = Config()
    config.set_main_option("script_location", str(files("ich_node.ledger") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def older_ledger(url: str) -> None:
    """A ledger with schema 0003, and the rows that the ich-node of that time wrote: jobs in every
    state that it knew, a result that is owed and one that was given up, a late slice.
    """
    rows = json.loads((REPOSITORY / "tests" / "ledger" / "ledger_0003.json").read_text())
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        upgraded(connection, "0003")
        is_server = engine.dialect.name == "postgresql"
        if is_server:
            connection.exec_driver_sql("SET timezone TO 'UTC'")
        for table, written in rows.items():
            columns = list(written[0])
            marks = ", ".join(f":{name}" for name in columns)
            insert = sa.text(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})")
            for row in written:
                if row.get("positive") is not None:
                    row["positive"] = bool(row["positive"])
                connection.execute(insert, row)
            if is_server:
                connection.exec_driver_sql(
                    f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"
                )
    engine.dispose()
