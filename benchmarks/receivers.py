"""Who takes C-STORE in benchmarks/receive.py: each a process of its own on 127.0.0.1, started anew
with an empty store.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

# Debian's; a virtual environment may shadow them with pynetdicom's apps of the same names.
TOOL_FOLDERS = "/usr/bin:/usr/sbin:/usr/local/bin:/opt/homebrew/bin"
# Without it DCMTK 3.6 leaves Nagle's algorithm on, and so Orthanc: 50 ms an image, for nothing.
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
START_SECONDS = 60.0
ICH_NODE = """
[scp]
bind_address = "127.0.0.1"
port = {port}
max_associations = 100
[[sources]]
name = "modality"
ae_title = "CT1"
associations_per_minute = 100000
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
"""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A running one. speaks_dicom: False for the floor, which storescu cannot talk to."""

    port: int
    pid: int
    speaks_dicom: bool = True


Start = Callable[[Path], AbstractContextManager[Receiver]]


def tool(name: str) -> str | None:
    """The path of a peer's program, if it is installed."""
    return shutil.which(name, path=TOOL_FOLDERS)


def needed_tool(name: str) -> str:
    """As `tool`; without it the benchmark ends."""
    path = tool(name)
    if path is None:
        raise SystemExit(f"{name} is not installed (make peers)")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(
    command: Sequence[str], port: int, folder: Path, *, speaks_dicom: bool = True
) -> Iterator[Receiver]:
    """The process, once it listens; it alone is ended at the end."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{command[0]} does not listen: {(folder / 'log').read_text(errors='replace')}"
                )
            time.sleep(0.05)
        yield Receiver(port=port, pid=process.pid, speaks_dicom=speaks_dicom)
    except RuntimeError as error:
        last = (folder / "log").read_text(errors="replace").splitlines()[-10:]
        raise RuntimeError("\n".join([f"{error}: {' '.join(command)} says:", *last])) from error
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ich_node(folder: Path) -> AbstractContextManager[Receiver]:
    """`ich-node receive`, which lets more senders in than the benchmark has."""
    port = free_port()
    config = folder / "config.toml"
    config.write_text(ICH_NODE.format(port=port, folder=folder))
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    return listening(command, port, folder)


def storescp(folder: Path) -> AbstractContextManager[Receiver]:
    """DCMTK's, which writes what it gets as it comes (+B); it does not sync."""
    port = free_port()
    command = [
        str(tool("storescp")),
        "+B",
        "-pdu",
        "131072",
        "--output-directory",
        str(folder),
        str(port),
    ]
    return listening(command, port, folder)


def orthanc(folder: Path) -> AbstractContextManager[Receiver]:
    """With its defaults: objects and index are synced (SyncStorageArea)."""
    port = free_port()
    settings = {
        "StorageDirectory": str(folder / "db"),
        "DicomPort": port,
        "HttpPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }
    config = folder / "orthanc.json"
    config.write_text(json.dumps(settings))
    return listening([str(tool("Orthanc")), str(config)], port, folder)


def script(name: str, *, speaks_dicom: bool = True) -> Start:
    """A module of this package that is a server: `python -m benchmarks.NAME PORT FOLDER`."""

    def start(folder: Path) -> AbstractContextManager[Receiver]:
        port = free_port()
        command = [sys.executable, "-m", f"benchmarks.{name}", str(port), str(folder)]
        return listening(command, port, folder, speaks_dicom=speaks_dicom)

    return start


def cpu_seconds(pid: int) -> float:
    """That the process, its children and theirs have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it ended meanwhile: its parent has its time
        return 0.0
    own = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) for child in children)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
