"""Which bundle is active: an append-only list, whose last entry counts."""

from dataclasses import asdict, replace
from datetime import datetime

import sqlalchemy as sa

from ich_node.errors import ConfigError
from ich_node.ledger.database import Database
from ich_node.ledger.rows import Activation
from ich_node.ledger.tables import activations, as_values, columns_of

NEWEST_FIRST = sa.select(*columns_of(Activation, activations)).order_by(activations.c.id.desc())


class ActivationLedger:
    """Who activated which bundle, when and why."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def active_bundle(self) -> Activation | None:
        """The newest activation; None if no bundle was ever activated."""
        with self._database.read() as connection:
            newest = as_values(Activation, connection.execute(NEWEST_FIRST.limit(1)))
        return newest[0] if newest else None

    def activations(self) -> list[Activation]:
        """All activations, the newest first."""
        with self._database.read() as connection:
            return as_values(Activation, connection.execute(NEWEST_FIRST))

    def activate_bundle(
        self, *, path: str, sha256: str, name: str, who: str, why: str, now: datetime
    ) -> Activation:
        """Activate this bundle: the next job is read with it."""
        with self._database.write() as connection:
            return _append(
                connection,
                Activation(at=now, name=name, sha256=sha256, path=path, who=who, why=why),
            )

    def rollback_bundle(self, *, who: str, why: str, now: datetime) -> Activation:
        """Activate the bundle that was active before the current one; done twice it returns to the
        current one. Raises ConfigError if there is none.
        """
        with self._database.write() as connection:
            history = as_values(Activation, connection.execute(NEWEST_FIRST))
            previous = next(
                (earlier for earlier in history if earlier.sha256 != history[0].sha256), None
            )
            if previous is None:
                raise ConfigError(
                    "no other bundle was activated before, so there is none to go back to"
                )
            return _append(connection, replace(previous, at=now, who=who, why=why))


def _append(connection: sa.Connection, activation: Activation) -> Activation:
    connection.execute(sa.insert(activations).values(**asdict(activation)))
    return activation
