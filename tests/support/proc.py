"""What Linux reports about a process: its memory, descriptors, threads and children."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """descriptors, threads: how many are open now; peak_mb: peak resident memory (VmHWM)."""

    descriptors: int
    threads: int
    peak_mb: int


def footprint(pid: int) -> Footprint:
    process = Path(f"/proc/{pid}")
    peak_kb = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    return Footprint(
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        # without it: a zombie
        peak_mb=int(peak_kb[1]) // 1024 if peak_kb else 0,
    )


def forget_peak(pid: int) -> None:
    """Reset the peak to the memory that is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def children(pid: int) -> dict[str, int]:
    """The processes that `ich-node run` started, by name."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/comm").read_text().strip()
        found.update(
            {
                name: int(child)
                for name in ("receive", "analyse", "send")
                if command == f"ich-{name}"
            }
        )
    return found


def child_pids(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
