"""Ends a process whose loop has stopped, e.g. in a decoder that never returns. Its lease then
expires, and another process takes the job.
"""

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from ich_node.processes.systemd import ALIVE, tell_systemd

CHECKS_PER_LIMIT = 10
NOTIFY_SECONDS = 1.0
EXIT_STATUS = 70  # EX_SOFTWARE of sysexits.h

log = structlog.get_logger(__name__)


class Watchdog:
    """A clock for a loop. A loop that asks it for the time is alive; systemd is notified of it."""

    def __init__(
        self, *, clock: Callable[[], datetime], limit_seconds: float, loop: str = "main"
    ) -> None:
        self._loop = loop  # its name, for the log
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._asked_at = time.monotonic()
        self._notified_at = 0.0

    def __call__(self) -> datetime:
        self._asked_at = time.monotonic()
        if self._asked_at - self._notified_at > NOTIFY_SECONDS:
            self._notified_at = self._asked_at
            tell_systemd(ALIVE)
        return self._clock()

    @property
    def silent_seconds(self) -> float:
        """Since the loop last asked for the time."""
        return time.monotonic() - self._asked_at

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while (stalled := self.silent_seconds) < self._limit_seconds:
            time.sleep(self._limit_seconds / CHECKS_PER_LIMIT)
        log.error("process_stalled", loop=self._loop, seconds=round(stalled), action="ended")
        os._exit(EXIT_STATUS)
