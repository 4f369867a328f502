"""Program, packages and machine."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from ich_node import __version__
from ich_node.ledger.schema import HEAD
from ich_node.support.support_file import SupportFile, json_part

OS_RELEASE, MEMORY = Path("/etc/os-release"), Path("/proc/meminfo")


def versions() -> SupportFile:
    packages = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    return json_part(
        "versions.json",
        "program, Python, packages, system",
        {
            "ich-node": __version__,
            "schema of the ledger": HEAD,
            "made at": datetime.now(UTC).isoformat(timespec="seconds"),
            "time zone": datetime.now(UTC).astimezone().tzname(),
            "host": platform.node(),
            "python": sys.version,
            "system": _line_of(OS_RELEASE, "PRETTY_NAME=").strip('"') or platform.platform(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "memory": _line_of(MEMORY, "MemTotal:").strip(),
            "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
        },
    )


def _line_of(path: Path, beginning: str) -> str:
    """What follows the beginning in the first line that has it; "" if none has."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line[len(beginning) :] for line in lines if line.startswith(beginning)), "")
