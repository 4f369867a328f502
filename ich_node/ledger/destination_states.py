"""Whether each destination answers, as of the last time that it was asked or sent something."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.tables import as_values, columns_of, destination_states
from ich_node.ledger.upsert import insert_or


@dataclass(frozen=True, kw_only=True)
class DestinationState:
    """since: when it began or ceased to answer. detail: its words, or why it does not answer."""

    destination: str
    is_up: bool
    since: datetime
    asked_at: datetime
    detail: str


class DestinationStateLedger:
    """One row for each destination of the configuration."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def all(self) -> list[DestinationState]:
        """By name."""
        query = sa.select(*columns_of(DestinationState, destination_states)).order_by(
            destination_states.c.destination
        )
        with self._database.read() as connection:
            return as_values(DestinationState, connection.execute(query))

    def answered(
        self, destination: str, *, is_up: bool, detail: str, now: datetime
    ) -> DestinationState | None:
        """Keep what it answered; what was known before, None if nothing was."""
        table = destination_states
        with self._database.write() as connection:
            before = as_values(
                DestinationState,
                connection.execute(
                    sa.select(*columns_of(DestinationState, table)).where(
                        table.c.destination == destination
                    )
                ),
            )
            is_same = bool(before) and before[0].is_up == is_up
            values = {
                "is_up": is_up,
                "since": before[0].since if is_same else now,
                "asked_at": now,
                "detail": detail,
            }
            connection.execute(
                insert_or(connection, table)
                .values(destination=destination, **values)
                .on_conflict_do_update(index_elements=("destination",), set_=values)
            )
        return before[0] if before else None

    def keep_only(self, destinations: Collection[str]) -> None:
        """Forget those that the configuration does not name any more."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(destination_states).where(
                    destination_states.c.destination.not_in(list(destinations))
                )
            )
