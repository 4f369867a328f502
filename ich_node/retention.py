"""Retention: what was read and delivered is removed after its time, or earlier when the disk fills;
never what is still owed.

The ledger forgets first, then the file goes: a crash between the two leaves a file that nobody
needs, which a daily walk finds. A file of no row may also be one that is just being received or
made; by the clock alone, which may have been put forward, the two cannot be told apart. So the walk
only remembers it, and it goes if nobody has needed or touched it in the next hour. Long after its
files a series' rows go, too, so that the ledger of a node that runs for years stays as large as
that of one year.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from ich_node.config.settings import SpoolSettings
from ich_node.ledger import MaintenanceLedger
from ich_node.spool import Spool

EVERY = timedelta(minutes=1)
WALK_EVERY = timedelta(days=1)
MOST_SERIES = 20  # in one go: deliveries wait meanwhile
MOST_PATHS = 500
MOST_JOBS = 200  # forgotten in one transaction: the receiver writes to the same ledger
# Whoever put the same bytes within this time may be about to write them into the ledger.
UNTOUCHED_FOR = timedelta(hours=1)
# a late slice, or a reader that takes over, comes within this time
ANSWERS_FOR = timedelta(hours=1)
CLOCK_IS_RIGHT = timedelta(minutes=5)  # between two looks it may be off by so much, e.g. set by NTP

File = tuple[str, float]  # the path, and until when it may have been put last

log = structlog.get_logger(__name__)


class SpoolRetention:
    """Removes what has had its time, a little at each call, and mends what waits for a clock that
    was put back.

    longest_wait: that any rule of this node gives. ticks: seconds that nobody sets, to notice when
    somebody sets the clock.
    """

    def __init__(
        self,
        ledger: MaintenanceLedger,
        spool: Spool,
        settings: SpoolSettings,
        clock: Callable[[], datetime],
        *,
        keep_days: float,
        longest_wait: timedelta,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._settings = settings
        self._keep = timedelta(days=keep_days)
        self._longest_wait = longest_wait
        self._clock = clock
        self._ticks = ticks
        self._next_at = self._next_walk_at = self._looked_at = clock()
        self._looked_at_tick = self._sweeps_from_tick = self._suspected_until_tick = ticks()
        self._suspects: dict[str, float] = {}  # files of no row, and when each was put last

    def sweep_due(self) -> int:
        """Sweep if it is time; how many files went. Raises Unavailable."""
        now = self._clock()
        self._notice_moves(now)
        if now < self._next_at:
            return 0
        self._next_at = now + EVERY
        if mended := self._ledger.shorten_waits(now=now, longest=self._longest_wait):
            log.warning(
                "waits_shortened",
                count=mended,
                detail="they were set by a clock that has since been put back",
            )
        if self._ticks() < self._sweeps_from_tick:
            return 0
        removed = self._sweep_old(now)
        if self._spool.used_percent() > self._settings.watermark_percent:
            removed += self._sweep_for_room(now)
        if now >= self._next_walk_at:
            self._next_walk_at = now + WALK_EVERY
            self._suspects = self._unneeded(self._spool.objects())
            self._suspected_until_tick = self._ticks() + UNTOUCHED_FOR.total_seconds()
        if self._ticks() >= self._suspected_until_tick:
            removed += self._sweep_suspects()
        self._prune(now)
        self._ledger.forget_answers(made_before=now - ANSWERS_FOR)
        return removed

    def _notice_moves(self, now: datetime) -> None:
        """A clock put back must not stop the sweeping; one put forward makes what is just being
        written look old: wait.
        """
        tick = self._ticks()
        moved = now - self._looked_at - timedelta(seconds=tick - self._looked_at_tick)
        self._looked_at, self._looked_at_tick = now, tick
        if abs(moved) > CLOCK_IS_RIGHT:
            log.warning("clock_moved", seconds=round(moved.total_seconds()))
            self._next_at = now
            self._next_walk_at = min(self._next_walk_at, now + WALK_EVERY)
        if moved > CLOCK_IS_RIGHT:
            self._sweeps_from_tick = tick + UNTOUCHED_FOR.total_seconds()

    def _sweep_old(self, now: datetime) -> int:
        idle_since = now - timedelta(days=self._settings.retention_days)
        return self._forget(idle_since, now, failed_too=True, why="retention")

    def _sweep_for_room(self, now: datetime) -> int:
        removed = self._forget(now - UNTOUCHED_FOR, now, failed_too=False, why="watermark")
        if not removed:
            percent = round(self._spool.used_percent(), 1)
            log.warning(
                "spool_above_watermark",
                used_percent=percent,
                detail="nothing is left that was delivered",
            )
        return removed

    def _forget(self, idle_since: datetime, now: datetime, *, failed_too: bool, why: str) -> int:
        paths = self._ledger.sweep_series(
            idle_since=idle_since, failed_too=failed_too, limit=MOST_SERIES, now=now
        )
        last_put = (now - UNTOUCHED_FOR).timestamp()
        removed = self._remove((path, last_put) for path in paths)
        if paths:
            log.info("spool_swept", why=why, files=removed)
        return removed

    def _sweep_suspects(self) -> int:
        """What a crash left."""
        suspects, self._suspects = self._suspects, {}
        removed = self._remove(suspects.items())
        if removed:
            log.info("spool_swept", why="no row", files=removed)
        return removed

    def _remove(self, files: Iterable[File]) -> int:
        return sum(
            self._spool.remove(path, last_put=last_put)
            for path, last_put in self._unneeded(files).items()
        )

    def _unneeded(self, files: Iterable[File]) -> dict[str, float]:
        """Those of the files that the ledger does not need."""
        found: dict[str, float] = {}
        for batch in _batches(files):
            free = self._ledger.unreferenced([path for path, _ in batch])
            found |= {path: last_put for path, last_put in batch if path in free}
        return found

    def _prune(self, now: datetime) -> None:
        if pruned := self._ledger.prune(swept_before=now - self._keep, limit=MOST_JOBS):
            log.info("ledger_pruned", ledger=pruned)


def _batches(files: Iterable[File]) -> Iterator[tuple[File, ...]]:
    rest = iter(files)
    while batch := tuple(itertools.islice(rest, MOST_PATHS)):
        yield batch
