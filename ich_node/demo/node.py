"""The node of a demonstration: `ich-node run` on loopback, with a log beside its configuration."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ich_node.demo.errors import DemoError
from ich_node.demo.folder import WRITTEN_BY
from ich_node.demo.pacs import LOOPBACK, PacsStandIn

STOP_SECONDS = 40.0
SAID_BY = "ich-node: "  # begins a sentence of the command line, among the lines of the log
CONFIG = """{written_by}; everything that is not here is at its default.
[scp]
bind_address = "{host}"
port = {port}
[[sources]]
name = "pacs-stand-in"
ae_title = "{pacs_ae}"
hosts = ["{host}"]
[[destinations]]
name = "pacs-stand-in"
ae_title = "{pacs_ae}"
host = "{host}"
port = {pacs_port}
[database]
url = "sqlite:///{folder}/ich-node.sqlite"
[spool]
path = "{folder}/spool"
"""


def write_config(folder: Path, pacs: PacsStandIn, *, more: str) -> Path:
    """config.toml in the folder, an absolute path, which is made. more: further lines of it."""
    folder.mkdir(parents=True)
    config = folder / "config.toml"
    text = CONFIG.format(
        written_by=WRITTEN_BY,
        host=LOOPBACK,
        port=free_port(),
        pacs_ae=pacs.ae_title,
        pacs_port=pacs.port,
        folder=folder,
    )
    config.write_text(text + more, encoding="utf-8")
    return config


def free_port(wanted: int = 0) -> int:
    """The wanted port of the loopback interface, if nobody has it, or another one."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class DemoNode:
    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, otherwise: str) -> None:
        """otherwise: what is said if it does not come true. Raises DemoError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise self.ended()
            if time.monotonic() > deadline:
                raise DemoError(f"after {seconds:.0f} s {otherwise}; the node's log is {self.log}")
            time.sleep(0.2)

    def ended(self) -> DemoError:
        """What the node said last, and where its log is."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix(SAID_BY) for line in lines if line.startswith(SAID_BY)]
        why = f": {said[-1]}" if said else ""
        status = self.process.returncode
        return DemoError(f"the node ended with status {status}{why}; its log is {self.log}")


@contextmanager
def running(config: Path) -> Iterator[DemoNode]:
    """Until the block ends; SIGTERM, and the end of the terminal, end the demonstration as ctrl-C
    does. If this process is killed, the node ends by itself.
    """
    ends = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.default_int_handler) for each in ends}
    log = config.parent / "log.jsonl"
    command = [sys.executable, "-m", "ich_node", "--config", str(config)]
    try:
        with (
            log.open("wb") as lines,
            # In a session of its own: ctrl-C is for the demonstration, which ends the node.
            subprocess.Popen(
                [*command, "run", "--stop-with-parent"],
                stdin=subprocess.PIPE,
                stderr=lines,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield DemoNode(process=process, log=log)
            finally:
                _stop(process)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Also if ctrl-C is pressed once more."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
