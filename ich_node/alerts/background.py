"""Work that waits for the network, in threads: maintenance goes on meanwhile."""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Begun:
    thread: threading.Thread
    at_tick: float


class Background:
    """At most one thread of a name. ticks: seconds that nobody can set.

    The threads are daemons: neither a reload nor the end of the process waits for them.
    """

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._begun: dict[str, Begun] = {}

    def start(self, name: str, work: Callable[[], None]) -> None:
        """With the context of this thread: the log's lines then name the process."""
        thread = threading.Thread(
            target=copy_context().run, args=(work,), name=f"alert {name}", daemon=True
        )
        self._begun[name] = Begun(thread=thread, at_tick=self._ticks())
        thread.start()

    def is_busy(self, name: str) -> bool:
        begun = self._begun.get(name)
        return begun is not None and begun.thread.is_alive()

    def busy_seconds(self, name: str) -> float:
        """How long the work has taken so far."""
        return self._ticks() - self._begun[name].at_tick if self.is_busy(name) else 0.0

    def abandon(self, name: str) -> None:
        """The work may go on; another one may start."""
        del self._begun[name]

    def wait(self, seconds: float) -> None:
        """Until all is done, but no longer than that for each."""
        for begun in list(self._begun.values()):
            begun.thread.join(seconds)
