"""A whole node as its own processes, and a modality that sends to it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.config.load import load_config
from ich_node.ledger import Ledger
from ich_node.spool import Spool
from tests.support.node import opened_ledger
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


@dataclass(frozen=True, kw_only=True)
class NodeProcesses:
    """A running `ich-node run`, whose configuration and log are in the folder."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    ledger: Ledger
    spool: Spool

    @property
    def log(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for line in (self.folder / "log").read_text().splitlines()
            if line.startswith("{")
        ]

    def pid_of(self, name: str) -> int:
        """The process that `run` started last under this name."""
        return [pid for started, pid in started_processes(self.folder) if started == name][-1]

    def job_states(self) -> list[str]:
        return [str(job.state) for job in self.ledger.operator.list()]

    def delivery_states(self) -> list[str]:
        return [
            str(delivery.state)
            for job in self.ledger.operator.list()
            for delivery in self.ledger.operator.deliveries(job.id)
        ]


def started_processes(folder: Path) -> list[tuple[str, int]]:
    """Name and process id of each process that `run` has started. Other lines of the log are not
    parsed: a long run has many.
    """
    events = [
        json.loads(line)
        for line in (folder / "log").read_text().splitlines()
        if '"process_started"' in line
    ]
    return [(event["name"], int(event["pid"])) for event in events]


@contextmanager
def node_processes(
    folder: Path,
    config: str,
    *,
    environment: Mapping[str, str] | None = None,
    start_seconds: float = 60,
    ends_with: int = 0,
) -> Iterator[NodeProcesses]:
    """`ich-node run` with this configuration, once it listens; ended by SIGTERM: with this exit
    code, and none of the processes that it started is left.
    """
    path, log = folder / "config.toml", folder / "log"
    path.write_text(config)
    settings = load_config(path).config
    port = settings.scp.port
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "--config", str(path), "run"],
            stderr=lines,
            env={**os.environ, **(environment or {})},
        )
    try:
        wait_until(lambda: is_listening(port), seconds=start_seconds, what="the node's listening")
        with opened_ledger(settings.database.url) as ledger:
            yield NodeProcesses(
                folder=folder,
                port=port,
                process=process,
                ledger=ledger,
                spool=Spool(settings.spool.path),
            )
    finally:
        process.terminate()
        assert process.wait(120) == ends_with, log.read_text()[-2000:]
        wait_until(
            lambda: not any(is_running(pid) for _, pid in started_processes(folder)),
            seconds=40,
            what="the end of its processes",
        )


@contextmanager
def running_node(
    folder: Path,
    pacs_port: int,
    *,
    pacs_ae: str = "PACS",
    bundle: Path | None = None,
    more: str = "",
    ends_with: int = 0,
) -> Iterator[NodeProcesses]:
    """In a new folder, on a free port, with one destination. more: of the configuration."""
    folder.mkdir()
    config = CONFIG.format(port=free_port(), pacs_ae=pacs_ae, pacs_port=pacs_port, folder=folder)
    config += more + (f'[bundle]\npath = "{bundle}"\n' if bundle else "")
    with node_processes(folder, config, ends_with=ends_with) as node:
        yield node


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
