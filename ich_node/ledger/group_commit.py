"""Writers that come at the same time share one transaction, and so one wait for the disk.

SQLite has one writer at a time, and each commit waits for a sync. While one thread writes, the
others queue; the next one of them then writes for all that are in the queue.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from ich_node.errors import Unavailable

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")
Batch = Sequence[tuple[Work, Future[Outcome]]]


class GroupCommit(Generic[Work, Outcome]):
    """write: does all items in one transaction, in order, or none of them; it returns an outcome
    for each.
    """

    def __init__(self, *, write: Callable[[Sequence[Work]], Sequence[Outcome]]) -> None:
        self._write = write
        self._queue: list[tuple[Work, Future[Outcome]]] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def __call__(self, work: Work) -> Outcome:
        """The outcome of this item, once it is durable. Raises what `write` raises for it, and
        Unavailable if the thread that wrote it was ended.
        """
        outcome: Future[Outcome] = Future()
        with self._lock:
            self._queue.append((work, outcome))
        with self._writing:
            if not outcome.done():
                with self._lock:
                    batch, self._queue = self._queue, []
                try:
                    self._do(batch)
                finally:
                    # KeyboardInterrupt or SystemExit ends this thread; the others must not wait.
                    for _, other in batch:
                        if not other.done():
                            other.set_exception(
                                Unavailable("the writer was interrupted; try again")
                            )
        return outcome.result()

    def _do(self, batch: Batch[Work, Outcome]) -> None:
        try:
            outcomes = self._write([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - raised again where the item came from
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for one in batch:  # retry one by one so that only the faulty item fails
                    self._do([one])
                return
            for _, outcome in batch:
                outcome.set_exception(error)
            return
        for (_, outcome), written in zip(batch, outcomes, strict=True):
            outcome.set_result(written)
