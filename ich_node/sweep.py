"""Retention: what was read and delivered is removed after its time, or earlier when the disk fills; never what is still owed.

The ledger forgets first, then the file goes: a crash between the two leaves a file that nobody needs, which a daily walk finds.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from ich_node.config import SpoolSettings
from ich_node.jobs import Jobs
from ich_node.spool import Spool

EVERY = timedelta(minutes=1)
WALK_EVERY = timedelta(days=1)
MOST_SERIES = 20  # in one go: deliveries wait meanwhile
MOST_PATHS = 500
# Whoever put the same bytes within this time may be about to write them into the ledger.
UNTOUCHED_FOR = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Sweeper:
    """Removes what has had its time, a little at each call."""

    def __init__(self, jobs: Jobs, spool: Spool, settings: SpoolSettings, clock: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._spool = spool
        self._settings = settings
        self._clock = clock
        self._next_at = self._next_walk_at = clock()

    def sweep_due(self) -> int:
        """Sweep if it is time; how many files went. Raises Unavailable."""
        now = self._clock()
        if now < self._next_at:
            return 0
        self._next_at = now + EVERY
        removed = self._sweep_old(now)
        if self._spool.used_percent() > self._settings.watermark_percent:
            removed += self._sweep_for_room(now)
        if now >= self._next_walk_at:
            self._next_walk_at = now + WALK_EVERY
            removed += self._sweep_leftovers(now)
        return removed

    def _sweep_old(self, now: datetime) -> int:
        idle_since = now - timedelta(days=self._settings.retention_days)
        return self._forget(idle_since, now, failed_too=True, why="retention")

    def _sweep_for_room(self, now: datetime) -> int:
        removed = self._forget(now - UNTOUCHED_FOR, now, failed_too=False, why="watermark")
        if not removed:
            percent = round(self._spool.used_percent(), 1)
            log.warning("spool_above_watermark", used_percent=percent, detail="nothing is left that was delivered")
        return removed

    def _forget(self, idle_since: datetime, now: datetime, *, failed_too: bool, why: str) -> int:
        paths = self._jobs.sweep_series(idle_since=idle_since, failed_too=failed_too, limit=MOST_SERIES, now=now)
        removed = sum(self._remove(batch, now) for batch in _batches(paths))
        if paths:
            log.info("spool_swept", why=why, files=removed)
        return removed

    def _sweep_leftovers(self, now: datetime) -> int:
        """What a crash left: files of no row."""
        leftovers = self._spool.objects_untouched_since(now - UNTOUCHED_FOR)
        removed = sum(self._remove(batch, now) for batch in _batches(leftovers))
        if removed:
            log.info("spool_swept", why="no row", files=removed)
        return removed

    def _remove(self, paths: tuple[str, ...], now: datetime) -> int:
        free = self._jobs.unreferenced(paths)
        return sum(self._spool.remove(path, untouched_since=now - UNTOUCHED_FOR) for path in sorted(free))


def _batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(paths)
    while batch := tuple(itertools.islice(rest, MOST_PATHS)):
        yield batch
