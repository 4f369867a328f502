"""The harness' own way into the ledger, past the node: to lock it, and to bring near what the node
counts in minutes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.support.moved_clock import MovedClock

COMMITMENT = timedelta(seconds=10)  # of the harness' configuration
SHORTENED = (
    "UPDATE deliveries SET next_at = :now WHERE state = 'PENDING' AND next_at > :now",
    "UPDATE deliveries SET next_at = :answered WHERE state = 'STORED' AND next_at > :answered",
    "UPDATE jobs SET ready_at = :now"
    " WHERE state = 'WAITING' AND ready_at > :now AND content_at IS NOT NULL",
)
ENDED = (
    "UPDATE deliveries SET lease_until = :now WHERE state = 'SENDING' AND lease_owner = :owner",
    "UPDATE jobs SET lease_until = :now WHERE state = 'READING' AND lease_owner = :owner",
)
HELD = (
    "SELECT lease_owner FROM deliveries WHERE state = 'SENDING'"
    " UNION SELECT lease_owner FROM jobs WHERE state = 'READING'"
)


@dataclass(frozen=True, kw_only=True)
class BackDoor:
    """clock: the node's."""

    url: str
    clock: MovedClock

    def lock(self, seconds: float) -> None:
        """Nobody writes to the ledger for so long."""
        with self._connection() as connection:
            connection.exec_driver_sql(
                "LOCK TABLE jobs" if self._is_postgresql else "BEGIN IMMEDIATE"
            )
            time.sleep(seconds)
            connection.rollback()

    def shorten_waits(self) -> None:
        """What would be due in minutes is due now, and a lease whose process is dead is over."""
        now = datetime.now(UTC) + timedelta(seconds=self.clock.offset_seconds)
        times = {"now": self._written(now), "answered": self._written(now + COMMITMENT)}
        with self._connection() as connection, suppress(sa.exc.OperationalError):
            owners = connection.execute(sa.text(HELD)).scalars().all()
            dead = [
                owner
                for owner in owners
                if owner and not Path(f"/proc/{owner.rpartition(':')[2]}").exists()
            ]
            for statement in SHORTENED:
                connection.execute(sa.text(statement), times)
            for owner in dead:
                for statement in ENDED:
                    connection.execute(sa.text(statement), {**times, "owner": owner})
            connection.commit()

    def _written(self, moment: datetime) -> datetime | str:
        return moment if self._is_postgresql else moment.replace(tzinfo=None).isoformat(" ")

    @property
    def _is_postgresql(self) -> bool:
        return self.url.startswith("postgresql")

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
