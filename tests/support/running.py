"""A whole node as its own processes, and a modality that sends to it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.ledger import Ledger, open_ledger
from ich_node.spool import Spool
from tests.support.peers import CT, ONE_OF_EACH, associated, free_port, is_listening, wait_until

CONFIG = (
    ONE_OF_EACH
    + """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[series]
quiet_seconds = 3
grace_seconds = 1
[analysis]
lease_seconds = 5
[log]
level = "debug"
"""
)


@dataclass(frozen=True)
class Node:
    """A running `ich-node run`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @cached_property
    def ledger(self) -> Ledger:
        """Opened once: tests that wait ask it fifty times a second."""
        return open_ledger(f"sqlite:///{self.folder}/ledger.sqlite")

    @property
    def spool(self) -> Spool:
        return Spool(self.folder / "spool")

    @property
    def log(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for line in (self.folder / "log").read_text().splitlines()
            if line.startswith("{")
        ]

    def pid_of(self, name: str) -> int:
        """The process that `run` started last under this name."""
        return self._started(name)[-1]

    def pids(self) -> list[int]:
        """All processes that `run` has started."""
        return self._started("receive", "analyse", "send")

    def _started(self, *names: str) -> list[int]:
        return [
            int(line["pid"])
            for line in self.log
            if line["event"] == "process_started" and line["name"] in names
        ]

    def states(self) -> list[str]:
        return [str(job.state) for job in self.ledger.operator.list()]


@contextmanager
def running_node(
    folder: Path,
    pacs_port: int,
    *,
    pacs_ae: str = "PACS",
    bundle: Path | None = None,
    more: str = "",
    ends_with: int = 0,
) -> Iterator[Node]:
    """`ich-node run` on a free port, ended by SIGTERM: with exit code 0, and none of the processes
    that it started is left.
    """
    folder.mkdir()
    port = free_port()
    text = CONFIG.format(port=port, pacs_ae=pacs_ae, pacs_port=pacs_port, folder=folder)
    config = folder / "config.toml"
    config.write_text(text + more + (f'[bundle]\npath = "{bundle}"\n' if bundle else ""))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "--config", str(config), "run"], stderr=log
        )
    node = Node(folder, port, process)
    try:
        wait_until(lambda: is_listening(port), seconds=60, what="the node's listening")
        yield node
    finally:
        process.terminate()
        assert process.wait(60) == ends_with, (folder / "log").read_text()[-2000:]
        wait_until(
            lambda: not any(map(is_running, node.pids())),
            seconds=40,
            what="the end of its processes",
        )


def is_running(pid: int) -> bool:
    """Whether this process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def send(datasets: Sequence[Dataset], port: int) -> list[str]:
    """C-STORE in one association; returns the UIDs that were acknowledged before it ended."""
    acknowledged = []
    with associated(port, contexts=[(CT, [ExplicitVRLittleEndian])]) as association:
        for dataset in datasets:
            if not association.is_established:
                break
            if association.send_c_store(dataset).get("Status") == 0x0000:
                acknowledged.append(str(dataset.SOPInstanceUID))
    return acknowledged
