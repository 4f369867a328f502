"""`ich-node run`: the services as child processes that are started, restarted when one dies, and
stopped together. The site is one that nothing else depends on: if it cannot run, the others do.

Under systemd each service is a unit of its own; `run` is for a laptop, the demo and the tests. The
children are forked from this process, so that what it has imported is in memory once. Each reads
its standard input, a pipe from this process: the pipe closes when this process ends, for whatever
reason, and the child stops.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from pathlib import Path

import structlog

from ich_node.errors import ConfigError
from ich_node.processes.beat_file import BeatFolder

SERVICES = ("receive", "analyse", "send")
SITE = "web"
STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # before the site is started again
WRONG_CONFIGURATION = 2  # the exit code of the command line
FORK = multiprocessing.get_context("fork")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PROCESS_NAME = Path("/proc/self/comm")  # what ps and top show
Main = Callable[[Sequence[str]], None]

log = structlog.get_logger(__name__)


class ParentPipe:
    """A pipe whose write end closes when this process ends: the children read it."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


@dataclass(kw_only=True)
class Child:
    """A process that runs `ich-node NAME`. It starts when this object is made.

    main: runs a command line. ends_all: whether the other services end if this one cannot run with
    this configuration; one that does not waits longer before each restart.
    """

    name: str
    config: Path | None
    main: Main
    parent_pipe: ParentPipe
    ends_all: bool = True
    process: ForkProcess = field(init=False)
    _started_at: float = field(init=False)
    _pause_seconds: float = RESTART_SECONDS
    _restart_at: float | None = None

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        # Objects that exist before the fork are left out of garbage collection: a collection in the
        # child would write to them, and so copy the memory that it shares with this process.
        gc.freeze()
        self.process = FORK.Process(target=self._run_service, name=self.name)
        BeatFolder.of_environment().write(self.name, is_ready=False)  # probes wait for its own
        # A signal that arrives between the fork and _run_service must not run this process's
        # handlers in the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._started_at = time.monotonic()
        log.info("process_started", name=self.name, pid=self.process.pid)

    def _run_service(self) -> None:
        """In the child. Until the service has installed its own handlers, a signal ends it, and one
        to read the configuration again does nothing: the child is about to read it.
        """
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(self.parent_pipe.write_end)
        os.dup2(self.parent_pipe.read_end, 0)
        with suppress(OSError):  # the name is only for display
            PROCESS_NAME.write_text(f"ich-{self.name}")
        options = ["--config", str(self.config)] if self.config else []
        try:
            self.main([*options, self.name, "--stop-with-parent"])
        # Any bug ends the process; but multiprocessing would print the message, which may quote a
        # patient's name.
        except Exception:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())
            sys.exit(1)

    def restart_if_dead(self) -> None:
        """Raises ConfigError if the process ended because of the configuration: another start
        would end the same way.
        """
        exit_status = self.process.exitcode
        if exit_status is not None and not self.ends_all:
            self._restart_in_a_while(exit_status)
            return
        if exit_status == WRONG_CONFIGURATION:
            raise ConfigError(
                f"`ich-node {self.name}` cannot run with this configuration; its message is above"
            )
        if exit_status is not None:
            log.error("process_died", name=self.name, exit_status=exit_status, action="restarted")
            self._start()

    def _restart_in_a_while(self, exit_status: int) -> None:
        """Twice as long after each start that did not last."""
        now = time.monotonic()
        if self._restart_at is None:
            lasted = now - self._started_at > LONGEST_PAUSE_SECONDS
            self._pause_seconds = (
                RESTART_SECONDS if lasted else min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
            )
            self._restart_at = now + self._pause_seconds
            log.error(
                "process_died",
                name=self.name,
                exit_status=exit_status,
                action=f"restarted in {self._pause_seconds:.0f} s",
            )
        elif now >= self._restart_at:
            self._restart_at = None
            self._start()


def run_all(
    *,
    config: Path | None,
    stop: threading.Event,
    turn: threading.Event,
    main: Main,
    with_site: bool,
) -> None:
    """Keep the services running until stop is set. turn: lets them read the configuration again.
    main: runs a command line. with_site: [web] enabled.

    Raises ConfigError, after ending all of them, if one cannot run with this configuration.
    """
    with closing(ParentPipe()) as pipe:
        children: list[Child] = []
        try:
            for name in SERVICES:
                children.append(Child(name=name, config=config, main=main, parent_pipe=pipe))
            if with_site:
                site = Child(name=SITE, config=config, main=main, parent_pipe=pipe, ends_all=False)
                children.append(site)
            while not stop.is_set():
                if turn.wait(RESTART_SECONDS):
                    turn.clear()
                    if not stop.is_set():  # the end sets both
                        _pass_on_reload(children)
                    continue
                for child in children:
                    child.restart_if_dead()
        finally:
            _end(children)


def _pass_on_reload(children: Iterable[Child]) -> None:
    for child in children:
        if child.process.pid is not None and child.process.is_alive():
            os.kill(child.process.pid, signal.SIGHUP)


def _end(children: Iterable[Child]) -> None:
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.join(STOP_SECONDS)
        if child.process.exitcode is None:
            log.error(
                "process_did_not_stop", name=child.name, after_seconds=STOP_SECONDS, action="killed"
            )
            child.process.kill()
            child.process.join()


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Call stop when standard input closes: the parent process has ended."""

    def watch() -> None:
        # os.read instead of sys.stdin: at exit, the interpreter would wait for the lock of
        # sys.stdin, which this thread would hold.
        while os.read(0, 4096):
            pass
        stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
