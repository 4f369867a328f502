"""Notices that somebody set the system clock, by comparing it with a clock that nobody can set."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

# Between two comparisons the clock may be corrected by this much, e.g. by NTP.
TOLERANCE = timedelta(minutes=5)
# After the clock was set forward, what is being received looks old, and somebody may be about to
# set the clock right.
DISTRUST_AGES_FOR = timedelta(hours=1)

log = structlog.get_logger(__name__)


class ClockWatch:
    """ticks: seconds that nobody can set (time.monotonic)."""

    def __init__(self, *, now: datetime, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._compared_at = now
        self._compared_at_tick = self._ages_reliable_from_tick = ticks()

    def notice_move(self, now: datetime) -> bool:
        """Whether the clock was set since the last call."""
        moved = self._moved_by(now)
        self._compared_at, self._compared_at_tick = now, self._ticks()
        if abs(moved) <= TOLERANCE:
            return False
        log.warning("clock_moved", seconds=round(moved.total_seconds()))
        if moved > TOLERANCE:
            distrusted = DISTRUST_AGES_FOR.total_seconds()
            self._ages_reliable_from_tick = self._compared_at_tick + distrusted
        return True

    def ages_are_reliable(self, now: datetime) -> bool:
        """Whether `now` minus an earlier time is an age: not for an hour after the clock was set
        forward.
        """
        return self._moved_by(now) <= TOLERANCE and self._ticks() >= self._ages_reliable_from_tick

    def _moved_by(self, now: datetime) -> timedelta:
        elapsed = timedelta(seconds=self._ticks() - self._compared_at_tick)
        return now - self._compared_at - elapsed
