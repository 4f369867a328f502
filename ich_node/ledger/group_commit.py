"""Writers that come at the same time share one transaction, and so one wait for the disk.

SQLite has one writer at a time, and lets the others sleep and look again; each commit waits for a
sync. Of the threads that want to write, one does it for all that came while the one before it
wrote.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from ich_node.errors import Unavailable

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Work, Outcome]):
    """write: does several pieces of work in one transaction, or none of them."""

    def __init__(self, write: Callable[[Sequence[Work]], Sequence[Outcome]]) -> None:
        self._write = write
        self._waiting: list[tuple[Work, Future[Outcome]]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, work: Work) -> Outcome:
        """What `write` says of this piece, once it is durable; or raises what it raises."""
        outcome: Future[Outcome] = Future()
        with self._lock:
            self._waiting.append((work, outcome))
        with self._turn:
            if not outcome.done():
                with self._lock:
                    batch, self._waiting = self._waiting, []
                self._do(batch)
        return outcome.result()

    def _do(self, batch: Sequence[tuple[Work, "Future[Outcome]"]]) -> None:
        try:
            outcomes = self._write([work for work, _ in batch])
        except BaseException as error:  # noqa: BLE001 - it is raised where the work came from
            if (
                len(batch) > 1
                and isinstance(error, Exception)
                and not isinstance(error, Unavailable)
            ):
                for one in batch:  # whose fault it is, alone has it
                    self._do([one])
                return
            for _, outcome in batch:
                outcome.set_exception(error)
            return
        for (_, outcome), written in zip(batch, outcomes, strict=True):
            outcome.set_result(written)
