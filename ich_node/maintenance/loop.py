"""Runs the tasks of maintenance, each in its period.

A task that fails is logged and tried again in its next period; the other tasks and the sender go
on. A task that hangs is noticed from outside: the loop asks `clock` for the time before each task,
and the watchdog behind that clock ends the process if nobody asks for too long. systemd or
`ich-node run` then starts it again.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ich_node.errors import Unavailable

CHECK_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Task:
    """name: as the log shows it. run: takes the time and returns how many things it changed; may
    raise Unavailable.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], int]


class Maintenance:
    """Runs tasks when they are due, in the order given.

    clock: the time that the tasks get; a Watchdog, if a task that hangs is to end the process.
    ticks: seconds that nobody can set. Periods are measured with them, so that setting the clock
    neither delays nor repeats a task.
    """

    def __init__(
        self,
        *,
        tasks: Sequence[Task],
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tasks = tasks
        self._clock = clock
        self._ticks = ticks
        self._due_at_tick = {task.name: ticks() for task in tasks}
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """A thread runs the tasks until the block ends; a task that is under way is finished."""
        # with the context of this thread: the log's lines then name the process
        thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name="maintenance", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            self.run_due()
            self._stop.wait(CHECK_SECONDS)

    def run_due(self) -> dict[str, int]:
        """Run every task that is due, once; how many things each changed, by the task's name."""
        changed: dict[str, int] = {}
        for task in self.tasks:
            if self._stop.is_set():
                break
            if self._ticks() >= self._due_at_tick[task.name]:
                changed[task.name] = self._run(task)
                self._due_at_tick[task.name] = self._ticks() + task.every.total_seconds()
        return changed

    def _run(self, task: Task) -> int:
        began = self._ticks()
        try:
            count = task.run(self._clock())
        except Unavailable as error:
            log.warning("maintenance_task_postponed", task=task.name, detail=error.detail)
            return 0
        except Exception:  # a bug of ours: the other tasks and the sender go on
            log.exception("maintenance_task_failed", task=task.name)
            return 0
        if count:
            seconds = round(self._ticks() - began, 3)
            log.info("maintenance_task_done", task=task.name, count=count, seconds=seconds)
        return count
