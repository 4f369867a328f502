"""What the troubles do not say of disks: inodes, and file systems on which SQLite's locks fail."""

import os
from collections.abc import Iterator
from pathlib import Path

from ich_node.config.config import Config
from ich_node.config.places import sqlite_file
from ich_node.doctor.complaint import Complaint

MOUNTS = Path("/proc/self/mounts")
OF_OTHER_MACHINES = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.gluster")
FEWEST_INODES_PERCENT = 5


def about_disks(config: Config, mounts: Path = MOUNTS) -> Iterator[Complaint]:
    spool, ledger = config.spool.path, sqlite_file(config.database.url)
    if spool.is_dir():
        yield from _inodes(spool)
    if ledger is not None and ledger.exists():
        kind = file_system_of(ledger, mounts)
        if kind.startswith(OF_OTHER_MACHINES):
            yield Complaint(
                sentence=f"The ledger {ledger} lies on {kind}, where SQLite's locks do not hold.",
                remedy="Put it on a disk of this machine, or use PostgreSQL ([database] url).",
            )


def _inodes(folder: Path) -> Iterator[Complaint]:
    """Each object is a file. Some file systems have no fixed number of inodes: 0."""
    room = os.statvfs(folder)
    if room.f_files and 100 * room.f_favail < FEWEST_INODES_PERCENT * room.f_files:
        yield Complaint(
            sentence=f"The file system of {folder} has room for only {room.f_favail:,} more files.",
            remedy="Lower [spool] retention_days, or make the file system with more inodes.",
        )


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Its kind, e.g. "ext4"; "" where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    # a space in a path is written \040; the last line that fits hides the ones before it
    fields = [line.replace("\\040", " ").split(" ") for line in lines if "\\040" not in line]
    fitting = [line for line in fields if path.absolute().is_relative_to(line[1])]
    return max(enumerate(fitting), key=lambda at: (len(at[1][1]), at[0]))[1][2] if fitting else ""
