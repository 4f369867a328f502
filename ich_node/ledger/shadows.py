"""The shadow: a bundle that reads every series behind the active one, and delivers nothing."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.rows import Job, Shadow
from ich_node.ledger.states import Lane, ReadingState
from ich_node.ledger.tables import as_values, columns_of, readings, shadows

SHADOW = "shadow"
RUNS = shadows.c.stopped_at.is_(None)


class ShadowLedger:
    """At most one shadow runs at a time: each model that is loaded takes memory."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def history(self) -> list[Shadow]:
        """The newest first."""
        query = sa.select(*columns_of(Shadow, shadows)).order_by(shadows.c.id.desc())
        with self._database.read() as connection:
            return as_values(Shadow, connection.execute(query))

    def start(
        self, *, path: str, sha256: str, name: str, who: str, why: str, now: datetime
    ) -> Shadow | None:
        """From now on this bundle is the shadow; the one that it replaces."""
        with self._database.write() as connection:
            before = _stop(connection, now)
            connection.execute(
                sa.insert(shadows).values(
                    bundle_sha256=sha256, name=name, path=path, started_at=now, who=who, why=why
                )
            )
        return before

    def stop(self, *, now: datetime) -> Shadow | None:
        """No series is read behind the active bundle any more, nor those that wait for it; the
        shadow that ran.
        """
        with self._database.write() as connection:
            return _stop(connection, now)

    def counts(self, sha256: str) -> dict[ReadingState, int]:
        """How many readings of this bundle are in each state."""
        query = (
            sa.select(readings.c.state, sa.func.count())
            .where(readings.c.bundle_sha256 == sha256, readings.c.purpose == SHADOW)
            .group_by(readings.c.state)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def newest_counts(self, sha256: str, *, most: int) -> dict[ReadingState, int]:
        """The same for its newest readings, so that it takes no longer in a ledger of years."""
        newest = (
            sa.select(readings.c.state)
            .where(readings.c.bundle_sha256 == sha256, readings.c.purpose == SHADOW)
            .order_by(readings.c.job_id.desc())
            .limit(most)
            .subquery()
        )
        query = sa.select(newest.c.state, sa.func.count()).group_by(newest.c.state)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def ask_shadow(connection: sa.Connection, job: Job, *, read_by: str, now: datetime) -> None:
    """The job has its answer: the shadow is to read it, too; not a series that is read again, since
    it has read the same objects before.
    """
    if job.lane is Lane.AGAIN:
        return
    asked: dict[str, sa.ColumnElement[Any]] = {
        "job_id": sa.literal(job.id),
        "purpose": sa.literal(SHADOW),
        "bundle_sha256": shadows.c.bundle_sha256,
        "bundle_name": shadows.c.name,
        "bundle_path": shadows.c.path,
        "state": sa.literal(ReadingState.WAITING, readings.c.state.type),
        "requested_at": sa.literal(now, readings.c.requested_at.type),
        "who": shadows.c.who,
        "attempts": sa.literal(0),
    }
    running = sa.select(*asked.values()).where(RUNS, shadows.c.bundle_sha256 != read_by)
    connection.execute(sa.insert(readings).from_select(list(asked), running))


def _stop(connection: sa.Connection, now: datetime) -> Shadow | None:
    stopped = as_values(
        Shadow,
        connection.execute(
            sa.update(shadows)
            .where(RUNS)
            .values(stopped_at=now)
            .returning(*columns_of(Shadow, shadows))
        ),
    )
    for shadow in stopped:
        connection.execute(
            sa.delete(readings).where(
                readings.c.bundle_sha256 == shadow.bundle_sha256,
                readings.c.purpose == SHADOW,
                readings.c.state == ReadingState.WAITING,
            )
        )
    return stopped[0] if stopped else None
