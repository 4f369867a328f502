"""The node under test: `ich-node run` with a clock that can be moved, and the memory and CPU time
of its processes.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.peer import Peer
from tests.support.moved_clock import MovedClock
from tests.support.proc import footprint
from tests.support.running import NodeProcesses, node_processes

PROCESSES = ("receive", "analyse", "send")
# Half as much again as their start takes (0.15, 3.2 and 0.2 s; most of it torch in the analyser).
START_CPU_SECONDS = {"receive": 0.25, "analyse": 4.8, "send": 0.3}
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
class PeakMemory:
    """peaks: the most memory in MB that any process of a name ever had."""

    node: NodeProcesses
    peaks: dict[str, int] = field(default_factory=dict)

    def update(self) -> None:
        for name in PROCESSES:
            try:
                now_mb = footprint(self.node.pid_of(name)).peak_mb
            except (FileNotFoundError, ProcessLookupError):
                continue  # killed a moment ago
            self.peaks[name] = max(self.peaks.get(name, 0), now_mb)


def has_worked(node: NodeProcesses, name: str) -> bool:
    """Whether the process has used more CPU time than its start needs: a process that is killed
    during each start never does any work.
    """
    try:
        fields = Path(f"/proc/{node.pid_of(name)}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > START_CPU_SECONDS[name]


@contextmanager
def running_node(
    folder: Path, *, port: int, peers: Sequence[Peer], url: str, spool: Path, clock: MovedClock
) -> Iterator[NodeProcesses]:
    """On this ledger and spool, in the time of this clock."""
    config = CONFIG.format(
        port=port, pacs=peers[0].port, archive=peers[1].port, url=url, spool=spool
    )
    environment = {**clock.environment, "OMP_NUM_THREADS": "1"}
    with node_processes(folder, config, environment=environment, start_seconds=300) as node:
        yield node


def until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(1)
