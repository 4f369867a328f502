"""`ich-node run`: the three processes on one machine, started, restarted when one dies, stopped together.

Under systemd each process is a unit of its own; this is for a laptop, the demo and the tests. Children watch their standard
input: it closes when this process dies, however it dies, and they stop.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from ich_node.errors import ConfigError

PROCESSES = ("receive", "analyse", "send")
STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0
WRONG_CONFIGURATION = 2  # the exit code of the command line

log = structlog.get_logger(__name__)


def run_all(config: Path | None, stop: threading.Event, processes: Sequence[str] = PROCESSES) -> None:
    """Keep the processes running until stop is set.

    Raises ConfigError, with all of them ended, if one cannot run with this configuration: no restart would mend that.
    """
    children = {name: _start(name, config) for name in processes}
    try:
        while not stop.wait(RESTART_SECONDS):
            for name, child in children.items():
                if child.poll() == WRONG_CONFIGURATION:
                    raise ConfigError(f"`ich-node {name}` cannot run with this configuration; it says why above")
                if child.returncode is not None:
                    log.error("process_died", name=name, exit_status=child.returncode, action="restarted")
                    children[name] = _start(name, config)
    finally:
        _end(children)


def _end(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        child.terminate()
    for name, child in children.items():
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("process_did_not_stop", name=name, after_seconds=STOP_SECONDS, action="killed")
            child.kill()
            child.wait()


def stop_with_parent(stop: threading.Event) -> None:
    """Set stop when standard input closes, i.e. when the process at its other end is gone."""

    def watch() -> None:
        # not through sys.stdin: the interpreter could not take its lock from this thread when it ends
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _start(name: str, config: Path | None) -> subprocess.Popen[bytes]:
    options = ["--config", str(config)] if config else []
    child = subprocess.Popen([sys.executable, "-m", "ich_node", *options, name, "--stop-with-parent"], stdin=subprocess.PIPE)
    log.info("process_started", name=name, pid=child.pid)
    return child
