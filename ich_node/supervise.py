"""Processes that are started, restarted when one dies, and stopped together: the three of `ich-node run`, or several receivers.

Under systemd each of the three is a unit of its own; `run` is for a laptop, the demo and the tests. The receivers of one port
([scp] processes) are one unit. Children watch their standard input: it closes when this process dies, however it dies, and they
stop.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ich_node.errors import ConfigError
from ich_node.service import ALIVE, READY, tell_systemd
from ich_node.siblings import Inheritance, listen, shared_memory

PROCESSES = ("receive", "analyse", "send")
STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0
READY_CHECK_SECONDS = 0.1
WRONG_CONFIGURATION = 2  # the exit code of the command line

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class Child:
    """A process, `ich-node` with these arguments. environment: what it has besides ours; descriptors: which of ours it gets."""

    name: str
    config: Path | None
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        options = ["--config", str(self.config)] if self.config else []
        command = [sys.executable, "-m", "ich_node", *options, *self.arguments, "--stop-with-parent"]
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, pass_fds=self.descriptors)
        log.info("process_started", name=self.name, pid=self.process.pid)

    def mend(self) -> None:
        """Start it again if it died. Raises ConfigError if no restart would mend that."""
        exit_status = self.process.poll()
        if exit_status == WRONG_CONFIGURATION:
            raise ConfigError(f"`ich-node {self.arguments[0]}` cannot run with this configuration; it says why above")
        if exit_status is not None:
            log.error("process_died", name=self.name, exit_status=exit_status, action="restarted")
            self.start()


def run_all(config: Path | None, stop: threading.Event, processes: Sequence[str] = PROCESSES) -> None:
    """Keep the processes running until stop is set.

    Raises ConfigError, with all of them ended, if one cannot run with this configuration: no restart would mend that.
    """
    children = [Child(name=name, config=config, arguments=[name]) for name in processes]
    try:
        while not stop.wait(RESTART_SECONDS):
            for child in children:
                child.mend()
    finally:
        _end(children)


def run_receivers(
    config: Path | None, count: int, addresses: Iterable[tuple[str, int]], stop: threading.Event, reload: threading.Event
) -> None:
    """Keep so many receivers until stop is set; systemd hears that the service is ready when all of them listen.

    addresses: the plain one first. Raises ConfigError if one of them cannot be had, and like `run_all`.
    """
    with ExitStack() as at_end:
        listening = [at_end.enter_context(listen(address, port)) for address, port in addresses]
        memory = shared_memory(count)
        at_end.callback(os.close, memory)
        folder = at_end.enter_context(tempfile.TemporaryDirectory(prefix="ich-node-"))
        ears = [Ear(Path(folder) / str(number)) for number in range(count)]
        inherited = tuple(one.fileno() for one in listening)
        inheritances = [Inheritance(place=place, memory=memory, listening=inherited) for place in range(count)]
        children = [
            Child(
                name=f"receive {number}",
                config=config,
                arguments=["receive", "--inherits", str(inheritance)],
                environment={"NOTIFY_SOCKET": str(ear.path)},
                descriptors=inheritance.descriptors,
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
                        child.process.send_signal(signal.SIGHUP)
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
        try:
            child.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("process_did_not_stop", name=child.name, after_seconds=STOP_SECONDS, action="killed")
            child.process.kill()
            child.process.wait()


def stop_with_parent(stop: threading.Event) -> None:
    """Set stop when standard input closes, i.e. when the process at its other end is gone."""

    def watch() -> None:
        # not through sys.stdin: the interpreter could not take its lock from this thread when it ends
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
