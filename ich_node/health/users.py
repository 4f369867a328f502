"""Which processes still use a ledger that is to be migrated."""

from collections.abc import Callable, Sequence

from ich_node.health.services import STALE
from ich_node.ledger.schema import UserOfLedger


class LivingUsers:
    """A process lives as long as its heartbeat changes: the clocks of hosts are not compared, and a
    heartbeat that a dead host has left counts for STALE and no longer. clock: seconds that only
    grow.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str, int], tuple[UserOfLedger, float]] = {}

    def among(self, users: Sequence[UserOfLedger]) -> list[UserOfLedger]:
        """users: what the ledger says now; ask every few seconds."""
        now = self._clock()
        for user in users:
            name = (user.host, user.service, user.pid)
            before = self._seen.get(name)
            if before is None or before[0] != user:
                self._seen[name] = (user, now)
        return [
            user
            for user in users
            if now - self._seen[user.host, user.service, user.pid][1] < STALE.total_seconds()
        ]
