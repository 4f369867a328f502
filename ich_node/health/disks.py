"""Room for the spool, and for a ledger that is a file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node.config.config import Config
from ich_node.config.places import sqlite_file

SPOOL, LEDGER = "spool", "ledger"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """holds: SPOOL, or LEDGER where that has a file system of its own. reserve_bytes: below it
    nothing is received; watermark_percent: above it the oldest series that were delivered are
    removed.
    """

    holds: str
    free_bytes: int
    size_bytes: int
    used_percent: float
    reserve_bytes: int
    watermark_percent: float

    @property
    def refuses(self) -> bool:
        return self.free_bytes < self.reserve_bytes

    @property
    def is_filling(self) -> bool:
        """Half of what lies above the watermark is used, too: removing does not help enough."""
        return self.used_percent > (self.watermark_percent + 100) / 2


def disks(config: Config) -> list[Disk]:
    """Those that this host sees."""
    return list(_disks(config))


def _disks(config: Config) -> Iterator[Disk]:
    spool, ledger = config.spool.path, sqlite_file(config.database.url)
    has_spool = spool.is_dir()
    if has_spool:
        yield _disk(SPOOL, spool, config)
    if ledger is None or not ledger.exists():
        return
    if not has_spool or ledger.stat().st_dev != spool.stat().st_dev:
        yield _disk(LEDGER, ledger.parent, config)


def _disk(holds: str, path: Path, config: Config) -> Disk:
    room = os.statvfs(path)
    used = room.f_blocks - room.f_bfree
    return Disk(
        holds=holds,
        free_bytes=room.f_bavail * room.f_frsize,
        size_bytes=room.f_blocks * room.f_frsize,
        used_percent=100 * used / max(1, used + room.f_bavail),
        reserve_bytes=config.spool.reserve_bytes,
        watermark_percent=config.spool.watermark_percent,
    )
