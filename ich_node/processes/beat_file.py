"""The last heartbeat of each service of this host or container, as a file beside the ledger's row:
a probe that asks every few seconds then needs no database, and costs next to nothing.

Files are written only where ICHNODE_RUN names a folder, which lies in memory and belongs to the
services' user; the container image does. One is written after the ledger has taken the heartbeat,
so it says no more than that.

This module imports nothing but Python's own library.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ich_node.errors import ConfigError

RUN_VARIABLE = "ICHNODE_RUN"
SUFFIX = ".beat"
# Beats may be late: the ledger is busy, the machine is.
STALE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Beat:
    """started: when the process began, in ticks since the machine's start: a later process with the
    same number is another one. at: seconds of the machine's monotonic clock, which no change of the
    time of day moves.
    """

    service: str
    pid: int
    started: int
    at: float
    is_ready: bool
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def age_seconds(self) -> float:
        return max(0.0, time.monotonic() - self.at)

    @property
    def is_alive(self) -> bool:
        """The process exists, and was heard of lately."""
        return self.age_seconds <= STALE_SECONDS and start_of(self.pid) == self.started


class BeatFolder:
    """The files of all services here; without a folder nothing is written."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> "BeatFolder":
        folder = environment.get(RUN_VARIABLE)
        return cls(Path(folder) if folder else None)

    def write(
        self, service: str, *, is_ready: bool, facts: Mapping[str, Any] | None = None
    ) -> None:
        """The heartbeat of this process, in one step. Raises ConfigError."""
        if self._folder is None:
            return
        pid = os.getpid()
        beat = Beat(
            service=service,
            pid=pid,
            started=start_of(pid) or 0,
            at=time.monotonic(),
            is_ready=is_ready,
            facts=facts or {},
        )
        path = self._folder / f"{service}{SUFFIX}"
        temporary = path.with_suffix(f".{pid}.tmp")
        try:
            temporary.write_text(json.dumps(asdict(beat)))
            temporary.replace(path)
        except OSError as error:
            raise ConfigError(
                f"{RUN_VARIABLE}: cannot write {error.filename}: {error.strerror}"
            ) from error

    def remove(self, service: str) -> None:
        """The process ends as it should. Raises ConfigError."""
        if self._folder is None:
            return
        path = self._folder / f"{service}{SUFFIX}"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{RUN_VARIABLE}: cannot remove {path}: {error.strerror}") from error

    def all(self) -> list[Beat]:
        """By service. Raises OSError."""
        if self._folder is None:
            return []
        return [
            Beat(**json.loads(path.read_text())) for path in sorted(self._folder.glob(f"*{SUFFIX}"))
        ]


def start_of(pid: int) -> int | None:
    """When a process began, in ticks since the machine's start; None if there is none (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(status.rpartition(")")[2].split()[19])  # after the name, which may have spaces
