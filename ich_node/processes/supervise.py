"""Processes that are started, restarted when one dies, and stopped together: the three of `ich-node
run`, or several receivers.

Under systemd each of the three is a unit of its own; `run` is for a laptop, the demo and the tests.
The receivers of one port ([scp] processes) are one unit. All are forked from this process, so that
what it has imported is in memory once. They watch their standard input: it closes when this process
dies, however it dies, and they stop.
"""

import gc
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from pathlib import Path

import structlog

from ich_node.errors import ConfigError
from ich_node.processes.siblings import Inheritance, listen, shared_memory
from ich_node.processes.systemd import ALIVE, READY, tell_systemd

PROCESSES = ("receive", "analyse", "send")
STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0
READY_CHECK_SECONDS = 0.1
WRONG_CONFIGURATION = 2  # the exit code of the command line
FORK = multiprocessing.get_context("fork")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
NAME = Path("/proc/self/comm")  # what ps and top show
Main = Callable[[Sequence[str]], None]

log = structlog.get_logger(__name__)


class Lifeline:
    """A pipe whose other end closes when this process dies."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@dataclass(kw_only=True)
class Child:
    """A process: `ich-node` with these arguments, run by `main`. environment: what it has besides
    ours.
    """

    name: str
    config: Path | None
    arguments: Sequence[str]
    main: Main
    lifeline: Lifeline
    environment: Mapping[str, str] = field(default_factory=dict)
    process: ForkProcess = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        gc.freeze()  # its garbage collector need not look at, and so copy, what it shares with us
        self.process = FORK.Process(target=self._become, name=self.name)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        log.info("process_started", name=self.name, pid=self.process.pid)

    def _become(self) -> None:
        """In the new process. Until it has handlers of its own, a signal ends it."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(self.lifeline.writing)
        os.dup2(self.lifeline.reading, 0)
        os.environ.update(self.environment)
        with suppress(OSError):  # only its looks
            NAME.write_text(f"ich-{self.name}")
        options = ["--config", str(self.config)] if self.config else []
        try:
            self.main([*options, *self.arguments, "--stop-with-parent"])
        except Exception:  # noqa: BLE001 - a bug ends this process as it would any; multiprocessing would print what it quotes
            sys.excepthook(*sys.exc_info())
            sys.exit(1)

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def mend(self) -> None:
        """Start it again if it died. Raises ConfigError if no restart would mend that."""
        exit_status = self.process.exitcode
        if exit_status == WRONG_CONFIGURATION:
            raise ConfigError(
                f"`ich-node {self.arguments[0]}` cannot run with this configuration; it says why above"
            )
        if exit_status is not None:
            log.error("process_died", name=self.name, exit_status=exit_status, action="restarted")
            self.start()


def run_all(
    config: Path | None, stop: threading.Event, main: Main, processes: Sequence[str] = PROCESSES
) -> None:
    """Keep the processes running until stop is set. main: the command line.

    Raises ConfigError, with all of them ended, if one cannot run with this configuration: no
    restart would mend that.
    """
    with closing(Lifeline()) as lifeline:
        _keep_running(
            [
                Child(name=name, config=config, arguments=[name], main=main, lifeline=lifeline)
                for name in processes
            ],
            stop,
        )


def _keep_running(children: Sequence[Child], stop: threading.Event) -> None:
    try:
        while not stop.wait(RESTART_SECONDS):
            for child in children:
                child.mend()
    finally:
        _end(children)


def run_receivers(
    config: Path | None,
    count: int,
    addresses: Iterable[tuple[str, int]],
    stop: threading.Event,
    reload: threading.Event,
    main: Main,
) -> None:
    """Keep so many receivers until stop is set; systemd hears that the service is ready when all of
    them listen.

    addresses: the plain one first. Raises ConfigError if one of them cannot be had, and like
    `run_all`.
    """
    with ExitStack() as at_end:
        lifeline = at_end.enter_context(closing(Lifeline()))
        listening = [at_end.enter_context(listen(address, port)) for address, port in addresses]
        memory = shared_memory(count)
        at_end.callback(os.close, memory)
        folder = at_end.enter_context(tempfile.TemporaryDirectory(prefix="ich-node-"))
        ears = [Ear(Path(folder) / str(number)) for number in range(count)]
        inherited = tuple(one.fileno() for one in listening)
        inheritances = [
            Inheritance(place=place, memory=memory, listening=inherited) for place in range(count)
        ]
        children = [
            Child(
                name=f"receive {number}",
                config=config,
                arguments=["receive", "--inherits", str(inheritance)],
                environment={"NOTIFY_SOCKET": str(ear.path)},
                main=main,
                lifeline=lifeline,
            )
            for number, (ear, inheritance) in enumerate(zip(ears, inheritances, strict=True))
        ]
        try:
            are_ready = False
            while not stop.wait(RESTART_SECONDS if are_ready else READY_CHECK_SECONDS):
                for child in children:
                    child.mend()
                if reload.is_set():
                    reload.clear()
                    for child in children:
                        os.kill(child.pid, signal.SIGHUP)
                for ear in ears:
                    ear.listen()
                if not are_ready and all(ear.heard_ready for ear in ears):
                    are_ready = True
                    tell_systemd(READY)
                # each of them ends itself when it stands still
                tell_systemd(ALIVE)
        finally:
            for one in listening:  # who still waits is told at once that nobody comes
                one.close()
            _end(children)
            for ear in ears:
                ear.close()


class Ear:
    """What one child tells systemd, it tells us."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard_ready = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))

    def listen(self) -> None:
        """All that was said since the last time."""
        with suppress(BlockingIOError):
            while said := self._socket.recv(4096):
                self.heard_ready = self.heard_ready or said == READY.encode("ascii")

    def close(self) -> None:
        self._socket.close()


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


def stop_with_parent(stop: threading.Event) -> None:
    """Set stop when standard input closes, i.e. when the process at its other end is gone."""

    def watch() -> None:
        # not through sys.stdin: the interpreter could not take its lock from this thread when it
        # ends
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
