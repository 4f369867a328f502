"""A thread of each service: it writes into the ledger that the loops of the process still turn, and
what they have counted.

The loops ask a Watchdog for the time. If one has not asked for long, the thread writes no heartbeat
either, although it could: the service then counts as down before the watchdog ends the process.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from ich_node import __version__
from ich_node.errors import IchNodeError
from ich_node.health.services import BEAT_SECONDS, ENDED, is_alive
from ich_node.ledger import Ledger
from ich_node.ledger.counts import Tally
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.processes.beat_file import BeatFolder

# Longer than any single wait of a loop: a connection that times out, a large series.
SILENT_SECONDS = 120.0
SECONDS_UNTIL_READY = 2.0  # whoever waits for a start hears of it soon

log = structlog.get_logger(__name__)


class Loop(Protocol):
    """A Watchdog."""

    @property
    def silent_seconds(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a process says of itself. is_ready: it does its work now. facts: JSON, no patients."""

    is_ready: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


class HeartbeatThread:
    """loops: the clocks of the process's loops. condition: is called in the thread. beats: where
    probes look for what the ledger has taken; None: nowhere.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        service: str,
        counts: Tally,
        loops: Sequence[Loop],
        condition: Callable[[], Condition],
        clock: Callable[[], datetime],
        seconds: float = BEAT_SECONDS,
        beats: BeatFolder | None = None,
    ) -> None:
        self._ledger = ledger
        self._counts = counts
        self._loops = loops
        self._condition = condition
        self._clock = clock
        self._seconds = seconds
        self._beats = beats or BeatFolder(None)
        self._me: dict[str, Any] = {
            "host": socket.gethostname(),
            "service": service,
            "pid": os.getpid(),
        }
        self._started_at = clock()
        self._stop = threading.Event()
        self._is_heard = True
        self._is_ready = False

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Until the block ends, which ends the service as it should."""
        self._try(lambda: self._beats.write(self._me["service"], is_ready=False))
        self._try(self._forget_the_dead)
        thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="heartbeat", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self._try(self._end)

    def beat(self) -> None:
        """Write what was counted, and a heartbeat if all loops turn. Raises Unavailable."""
        self._add_counts()
        if all(loop.silent_seconds < SILENT_SECONDS for loop in self._loops):
            condition = self._condition()
            self._is_ready = condition.is_ready
            self._ledger.heartbeats.beat(
                Heartbeat(
                    **self._me,
                    version=__version__,
                    started_at=self._started_at,
                    beat_at=self._clock(),
                    is_ready=condition.is_ready,
                    facts=condition.facts,
                )
            )
            self._beats.write(
                self._me["service"], is_ready=condition.is_ready, facts=condition.facts
            )

    def _work(self) -> None:
        while not self._stop.is_set():
            self._try(self.beat)
            self._stop.wait(self._seconds if self._is_ready else SECONDS_UNTIL_READY)

    def _try(self, action: Callable[[], None]) -> None:
        """A ledger that does not answer is logged once, and tried again at the next beat."""
        try:
            action()
        except IchNodeError as error:
            if self._is_heard:
                log.warning("heartbeat_not_written", detail=error.detail)
            self._is_heard = False
        except Exception:  # a bug of ours: the service goes on, and counts as down
            if self._is_heard:
                log.exception("heartbeat_failed")
            self._is_heard = False
        else:
            self._is_heard = True

    def _add_counts(self) -> None:
        taken = self._counts.take()
        try:
            self._ledger.counts.add(taken)
        except IchNodeError:
            self._counts.give_back(taken)
            raise

    def _forget_the_dead(self) -> None:
        """Processes of this service that ended on this host without a word, e.g. by SIGKILL."""
        for each in self._ledger.heartbeats.all():
            is_ours = (each.host, each.service) == (self._me["host"], self._me["service"])
            if is_ours and (not _exists(each.pid) or not is_alive(each, self._clock())):
                self._ledger.heartbeats.end(host=each.host, service=each.service, pid=each.pid)

    def _end(self) -> None:
        self._beats.remove(self._me["service"])
        self._add_counts()
        self._ledger.heartbeats.end(**self._me)
        self._ledger.measurements.keep(f"{ENDED}{self._me['service']}", {}, now=self._clock())


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
