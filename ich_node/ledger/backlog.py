"""What still waits in the node: for `ich-node drain`, which ends when nothing does."""

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.states import DeliveryState, JobState
from ich_node.ledger.tables import deliveries, jobs

UNREAD = (JobState.WAITING, JobState.READING, JobState.HELD)
UNSENT = (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.STORED)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """series: by state, those without an outcome. untold: how many ended without an answer, of
    which the destinations are not told yet. objects: by destination, what is not delivered yet;
    what was given up waits for nobody. uncommitted: those of them that a destination took, and did
    not yet confirm to keep.
    """

    series: Counter[JobState]
    untold: int
    objects: Counter[str]
    uncommitted: int

    @property
    def is_empty(self) -> bool:
        return not (self.series.total() or self.untold or self.objects.total())


def backlog(database: Database) -> Backlog:
    """As it is now."""
    unread = sa.select(jobs.c.state, sa.func.count()).where(jobs.c.state.in_(UNREAD))
    untold = sa.select(sa.func.count()).where(jobs.c.untold_since.is_not(None))
    unsent = sa.select(deliveries.c.destination, deliveries.c.state, sa.func.count()).where(
        deliveries.c.state.in_(UNSENT)
    )
    with database.read() as connection:
        series = connection.execute(unread.group_by(jobs.c.state)).all()
        untold_count = connection.execute(untold).scalar_one()
        objects = connection.execute(
            unsent.group_by(deliveries.c.destination, deliveries.c.state)
        ).all()
    by_destination: Counter[str] = Counter()
    for destination, _, count in objects:
        by_destination[destination] += count
    return Backlog(
        series=Counter({row[0]: row[1] for row in series}),
        untold=untold_count,
        objects=by_destination,
        uncommitted=sum(count for _, state, count in objects if state is DeliveryState.STORED),
    )
