"""The node under test: `ich-node run` with a clock that can be moved, and what its processes say of
themselves.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.peer import Peer
from tests.support.moved_clock import MovedClock
from tests.support.peers import is_listening

PROCESSES = ("receive", "analyse", "send")
START_CPU_SECONDS = {"receive": 2.5, "analyse": 5.0, "send": 2.5}
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
dimse_timeout_seconds = 5
[[sources]]
name = "modality"
ae_title = "CT1"
[[sources]]
name = "archive"
ae_title = "ARCHIVE"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs}
[[destinations]]
name = "archive"
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {archive}
storage_commitment = true
commitment_timeout_seconds = 10
[database]
url = "{url}"
[spool]
path = "{spool}"
reserve_bytes = 0
watermark_percent = 100
[series]
quiet_seconds = 4
grace_seconds = 1
[analysis]
lease_seconds = 5
max_attempts = 50
threads = 1
"""


@dataclass(frozen=True, kw_only=True)
class Node:
    """peaks: the most memory in MB that any process of a name ever had."""

    log: Path
    peaks: dict[str, int] = field(default_factory=dict)

    def pid_of(self, name: str) -> int:
        """Of the process that `run` started last under this name."""
        lines = [
            json.loads(line)
            for line in self.log.read_text().splitlines()
            if '"process_started"' in line
        ]
        return int([line["pid"] for line in lines if line["name"] == name][-1])

    def has_worked(self, name: str) -> bool:
        """Whether it has used more of the processor than its start needs: who dies in each start
        never does anything.
        """
        try:
            fields = Path(f"/proc/{self.pid_of(name)}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return False
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > START_CPU_SECONDS[
            name
        ]

    def look_at_memory(self) -> None:
        for name in PROCESSES:
            try:
                status = Path(f"/proc/{self.pid_of(name)}/status").read_text()
            except FileNotFoundError:
                continue  # killed a moment ago
            peak_kb = next(
                (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")),
                0,
            )
            self.peaks[name] = max(self.peaks.get(name, 0), peak_kb // 1024)


@contextmanager
def running_node(
    folder: Path, *, port: int, peers: Sequence[Peer], url: str, spool: Path, clock: MovedClock
) -> Iterator[Node]:
    """From its listening to its orderly end."""
    config, log = folder / "config.toml", folder / "log"
    config.write_text(
        CONFIG.format(port=port, pacs=peers[0].port, archive=peers[1].port, url=url, spool=spool)
    )
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "run"]
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command, stderr=lines, env={**os.environ, **clock.environment, "OMP_NUM_THREADS": "1"}
        )
    try:
        until(lambda: is_listening(port), 300, "the node does not listen")
        yield Node(log=log)
    finally:
        process.terminate()
        process.wait(120)


def until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(1)
