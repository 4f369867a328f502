"""What a task has found out about the node, e.g. whether the scores drift: the last result of each,
for processes that could not work it out themselves in time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import as_values, columns_of, measurements
from ich_node.ledger.upsert import insert_or

DRIFT = "drift"
BACKUP = "backup"  # the last one that was whole


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """facts: JSON, no patients."""

    name: str
    at: datetime
    facts: Mapping[str, Any]


class MeasurementLedger:
    """One row for each name."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def keep(self, name: str, facts: Mapping[str, Any], *, now: datetime) -> None:
        values = {"at": now, "facts": dict(facts)}
        with self._database.write() as connection:
            connection.execute(
                insert_or(connection, measurements)
                .values(name=name, **values)
                .on_conflict_do_update(index_elements=("name",), set_=values)
            )

    def newest(self, name: str) -> Measurement | None:
        query = sa.select(*columns_of(Measurement, measurements)).where(measurements.c.name == name)
        with self._database.read() as connection:
            found = as_values(Measurement, connection.execute(query))
        return found[0] if found else None
