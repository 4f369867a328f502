"""What an operator has stopped, and until when: reading, receiving, or a destination.

The row of a target is the pause. `resume` ends it by setting `until` to now; a pause with an end
ends by itself. A destination gets nothing as long as its row is there: the sender removes it after
the end (`end_destination`), when it has started the time anew after which it gives deliveries up.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database, lock_writers
from ich_node.ledger.states import DeliveryState
from ich_node.ledger.tables import as_values, columns_of, deliveries, pauses

RECEIVING, READING = "receiving", "reading"
TO = "to "

# For the queries of the sender: one scan of a small table.
PAUSED_DESTINATIONS = sa.select(sa.func.substr(pauses.c.target, len(TO) + 1)).where(
    pauses.c.target.startswith(TO)
)


@dataclass(frozen=True, kw_only=True)
class Pause:
    """until: None until it is resumed. who, why: of the last change, which may be the end.
    busy_until: of RECEIVING, when the associations that were open may have ended.
    """

    target: str
    since: datetime
    until: datetime | None
    busy_until: datetime | None
    who: str
    why: str

    def is_in_force(self, now: datetime) -> bool:
        return self.until is None or self.until > now


ALL = sa.select(*columns_of(Pause, pauses)).order_by(pauses.c.target)


def to_destination(name: str) -> str:
    """The target of a destination's pause."""
    return f"{TO}{name}"


class PauseLedger:
    """What is paused; every process looks at it about once a second."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def all(self) -> list[Pause]:
        """Those that have ended, too, until something else becomes of their target."""
        with self._database.read() as connection:
            return as_values(Pause, connection.execute(ALL))

    def in_force(self, now: datetime) -> list[Pause]:
        return [pause for pause in self.all() if pause.is_in_force(now)]

    def pause(
        self, target: str, *, now: datetime, until: datetime | None, who: str, why: str
    ) -> None:
        """From now on; a pause that is in force keeps its beginning and gets the new end."""
        with self._database.write() as connection:
            lock_writers(connection, pauses)
            earlier = as_values(Pause, connection.execute(ALL.where(pauses.c.target == target)))
            since = next((each.since for each in earlier if each.is_in_force(now)), now)
            values = {"since": since, "until": until, "who": who, "why": why}
            if since == now:
                values["busy_until"] = None
            if earlier:
                connection.execute(
                    sa.update(pauses).where(pauses.c.target == target).values(values)
                )
            else:
                connection.execute(sa.insert(pauses).values(target=target, **values))

    def resume(self, targets: Collection[str], *, now: datetime, who: str) -> list[Pause]:
        """End these pauses; those that were in force until now."""
        with self._database.write() as connection:
            rows = connection.execute(ALL.where(pauses.c.target.in_(targets)).with_for_update())
            ended = [pause for pause in as_values(Pause, rows) if pause.is_in_force(now)]
            connection.execute(
                sa.update(pauses)
                .where(pauses.c.target.in_([pause.target for pause in ended]))
                .values(until=now, who=who, why="")
            )
            return ended

    def end_destination(self, destination: str, *, now: datetime) -> bool:
        """After the end of its pause: it is owed from now on, so that the time of the pause does
        not count as time in which it did not answer. False if another process did it before.
        """
        with self._database.write() as connection:
            ended = connection.execute(
                sa.delete(pauses).where(
                    pauses.c.target == to_destination(destination), pauses.c.until <= now
                )
            ).rowcount
            if ended:
                connection.execute(
                    sa.update(deliveries)
                    .where(
                        deliveries.c.destination == destination,
                        deliveries.c.state == DeliveryState.PENDING,
                    )
                    .values(first_at=now)
                )
            return bool(ended)

    def still_receiving(self, *, until: datetime) -> None:
        """A listener that takes nothing new has associations open; it says so again by then."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(pauses)
                .where(
                    pauses.c.target == RECEIVING,
                    pauses.c.busy_until.is_(None) | (pauses.c.busy_until < until),
                )
                .values(busy_until=until)
            )
