"""What goes wrong, one thing at a time."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.chaos.disk import Disk
from tests.chaos.ledger import BackDoor
from tests.chaos.node import PROCESSES, PeakMemory, has_worked
from tests.chaos.peer import MOODS, Peer
from tests.support.moved_clock import MovedClock
from tests.support.running import NodeProcesses

KINDS = ("kill", "kill", "mood", "mood", "mood", "away", "lock", "full", "clock", "nothing")
HOURS = (-6, -3, -1, 0, 2, 5)  # where the clock is put, from the right time


@dataclass(kw_only=True)
class Troubles:
    """figures: how often each happened."""

    rng: random.Random
    node: NodeProcesses
    memory: PeakMemory
    peers: Sequence[Peer]
    ledger: BackDoor
    disk: Disk
    clock: MovedClock
    # a kill that never happens is in the figures, too: it would be a harness that tests nothing
    figures: Counter[str] = field(
        default_factory=lambda: Counter({f"kill -9 {name}": 0 for name in PROCESSES})
    )

    def strike(self) -> None:
        """One thing, or nothing."""
        getattr(self, f"_{self.rng.choice(KINDS)}")()
        self.memory.update()
        self.ledger.shorten_waits()

    def end(self) -> None:
        """From now on everything goes right, but for the clock, which stays where it was put."""
        for peer in self.peers:
            peer.mood = "takes"

    def _nothing(self) -> None:
        """For once."""

    def _kill(self) -> None:
        name = self.rng.choice(PROCESSES)
        if not has_worked(self.node, name):
            return
        self.memory.update()
        with suppress(ProcessLookupError):
            os.kill(self.node.pid_of(name), signal.SIGKILL)
            self.figures[f"kill -9 {name}"] += 1

    def _mood(self) -> None:
        self.rng.choice(self.peers).mood = self.rng.choice(MOODS)

    def _away(self) -> None:
        peer = self.rng.choice(self.peers)
        peer.stop()
        time.sleep(self.rng.uniform(0.2, 1.5))
        peer.start()
        self.figures[f"{peer.ae_title} stopped and started"] += 1

    def _lock(self) -> None:
        seconds = self.rng.uniform(0.5, 3)
        with suppress(sa.exc.OperationalError):  # the node writes for so long that we do not get it
            self.ledger.lock(seconds)
            self.figures["ledger locked"] += 1

    def _full(self) -> None:
        seconds = self.rng.uniform(1, 4)
        if not self.disk.is_small:
            return
        self.disk.fill()
        time.sleep(seconds)
        self.disk.make_room()
        self.figures["disk full"] += 1

    def _clock(self) -> None:
        before, hours = self.clock.offset_seconds, self.rng.choice(HOURS)
        self.clock.move_to(hours * 3600)
        if hours * 3600 != before:
            self.figures["clock put forward" if hours * 3600 > before else "clock put back"] += 1
