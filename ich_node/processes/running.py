"""Which services run on this host: each keeps a locked file in the spool for as long as it lives.

The lock goes with the process, however that ends; a file without a lock is what is left of one.
"""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = "services"


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """config: the path that it reads; "": built-in settings. needs_restart: fingerprints of the
    settings that it cannot change while it runs.
    """

    name: str
    pid: int
    config: str
    needs_restart: Mapping[str, str]


@contextmanager
def announced(spool: Path, service: RunningService) -> Iterator[None]:
    """Known as running until the block or the process ends. spool: a folder that is there."""
    folder = spool / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    # containers may have their host's name, and the same numbers of processes
    name = f"{socket.gethostname()}.{service.name}.{service.pid}.{secrets.token_hex(3)}.json"
    path = folder / name
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps(asdict(service)).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def running_services(spool: Path) -> list[RunningService]:
    """Those of this host, by name. Nothing is changed. Raises PermissionError."""
    found = []
    folder, mine = spool / FOLDER, f"{socket.gethostname()}.*.json"
    # not glob(): it finds nothing in a folder that this user may not read
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in (each for each in there if each.match(mine)):
        try:
            with path.open("rb") as file:
                if _is_locked(file.fileno()):
                    found.append(RunningService(**json.loads(file.read())))
        except FileNotFoundError:  # it has just ended
            continue
    return found


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
