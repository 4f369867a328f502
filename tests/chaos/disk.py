"""A small disk of its own for the spool and an SQLite ledger, which the harness fills to the last
byte.
"""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BLOCK = b"\0" * (1 << 20)


@dataclass(frozen=True)
class Disk:
    """is_small: whether it is a file system of its own; only root can make one."""

    folder: Path
    is_small: bool

    def fill(self) -> None:
        """Until there is no room for one byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (len(BLOCK), 4096, 1):
                try:
                    while True:
                        file.write(BLOCK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A tmpfs; a plain folder where we are not root, and then nothing is filled."""
    folder.mkdir()
    if os.geteuid() != 0:
        yield Disk(folder, is_small=False)
        return
    subprocess.run(
        [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={megabytes}m,mode=700",
            "ich-node-chaos",
            str(folder),
        ],
        check=True,
    )
    try:
        yield Disk(folder, is_small=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
