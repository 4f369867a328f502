"""A time of day that a test sets while real processes use it: those that run with its environment.

The kernel has no such clock for a single program (a time namespace moves only the monotonic
clocks), and with libfaketime 0.9.10 Python's time.sleep fails if the monotonic clock is not to be
moved. So a few lines of C replace the C library's clock_gettime (LD_PRELOAD). Times of files remain
those of the machine, as with a file server that has a clock of its own.
"""

import mmap
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import need

SOURCE = Path(__file__).with_name("moved_clock.c")
OFFSET = struct.Struct("=q")


@dataclass(frozen=True)
class MovedClock:
    """environment: for the processes that use this clock. They see a change at once."""

    environment: dict[str, str]
    mapped: mmap.mmap

    def move_to(self, offset_seconds: int) -> None:
        """offset_seconds: to the machine's time of day; negative: before it."""
        self.mapped[: OFFSET.size] = OFFSET.pack(offset_seconds)

    @property
    def offset_seconds(self) -> int:
        return int(OFFSET.unpack(self.mapped[: OFFSET.size])[0])


@contextmanager
def moved_clock(folder: Path) -> Iterator[MovedClock]:
    """A clock without an offset at first."""
    library, file = folder / "moved_clock.so", folder / "clock"
    subprocess.run(
        [need("cc"), "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True
    )
    file.write_bytes(OFFSET.pack(0))
    descriptor = os.open(file, os.O_RDWR)
    try:
        with mmap.mmap(descriptor, OFFSET.size) as mapped:
            yield MovedClock({"LD_PRELOAD": str(library), "MOVED_CLOCK": str(file)}, mapped)
    finally:
        os.close(descriptor)
