"""Retention: the files of series that were read and delivered are removed after their time, or
earlier when the disk fills; never what is still owed to a destination.

The ledger forgets first, then the file is removed: a crash between the two leaves a file that no
row names, which orphans.py finds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ich_node.config.settings import SpoolSettings
from ich_node.ledger import MaintenanceLedger
from ich_node.maintenance.removal import UNTOUCHED_FOR, remove_unreferenced
from ich_node.spool import Spool

# In one run: each is a row lock on the ledger, which the receiver writes, too.
MOST_SERIES = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Each method returns how many files it removed, and raises Unavailable."""

    ledger: MaintenanceLedger
    spool: Spool
    settings: SpoolSettings

    def sweep_old(self, now: datetime) -> int:
        """What nothing has happened to for [spool] retention_days."""
        idle_since = now - timedelta(days=self.settings.retention_days)
        return self._sweep(idle_since=idle_since, failed_too=True, now=now)

    def sweep_for_room(self, now: datetime) -> int:
        """Above [spool] watermark_percent: the oldest that was delivered, failed jobs excepted."""
        if self.spool.used_percent() <= self.settings.watermark_percent:
            return 0
        removed = self._sweep(idle_since=now - UNTOUCHED_FOR, failed_too=False, now=now)
        if not removed:
            log.warning(
                "spool_above_watermark",
                used_percent=round(self.spool.used_percent(), 1),
                detail="there is no delivered series left to remove",
            )
        return removed

    def _sweep(self, *, idle_since: datetime, failed_too: bool, now: datetime) -> int:
        paths = self.ledger.sweep_series(
            idle_since=idle_since, failed_too=failed_too, limit=MOST_SERIES, now=now
        )
        last_put = (now - UNTOUCHED_FOR).timestamp()
        return remove_unreferenced(
            ((path, last_put) for path in paths), ledger=self.ledger, spool=self.spool
        )
