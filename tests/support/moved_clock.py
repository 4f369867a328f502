"""A clock that a test moves while real processes look at it: the time of day of those that run in
its environment.

The kernel offers no such clock to one program alone (a time namespace moves the monotonic clocks,
which nobody sets), and libfaketime 0.9.10 fails Python's time.sleep when the monotonic clock is to
stay. So a few lines of C stand before the C library's clock_gettime. Times of files stay the
machine's: as on a file server whose clock is another.
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
    """environment: for the processes that shall look at it. They see a move at once."""

    environment: dict[str, str]
    mapped: mmap.mmap

    def move_to(self, offset_seconds: int) -> None:
        """So far from the machine's time of day, before (negative) or after it."""
        self.mapped[: OFFSET.size] = OFFSET.pack(offset_seconds)

    @property
    def offset_seconds(self) -> int:
        return int(OFFSET.unpack(self.mapped[: OFFSET.size])[0])


@contextmanager
def moved_clock(folder: Path) -> Iterator[MovedClock]:
    """At first it goes right."""
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
