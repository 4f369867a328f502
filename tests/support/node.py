"""A node in this process: its ledger and spool in a folder, and a clock that stands still until a
test moves it. What the node does with them is in the files of its roles: listening.py,
analysing.py, sending.py, notifying.py, maintaining.py; running.py has a node as processes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ich_node.ledger import Delivery, DeliveryState, Job, Ledger, open_ledger
from ich_node.ledger.database import BUSY_SECONDS
from ich_node.spool import Spool
from tests.support.standing_clock import Clock


@dataclass(kw_only=True)
class Node:
    """stop: ends the loops of the node, as SIGTERM does."""

    folder: Path
    ledger: Ledger
    spool: Spool
    clock: Clock = field(default_factory=Clock)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def job(self) -> Job:
        """The newest."""
        return self.ledger.operator.list()[0]

    def deliveries(self) -> list[Delivery]:
        return [
            delivery
            for job in self.ledger.operator.list(limit=1000)
            for delivery in self.ledger.operator.deliveries(job.id)
        ]

    def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]


Kind = TypeVar("Kind", bound=Node)


@contextmanager
def opened_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Iterator[Ledger]:
    """Until the block ends."""
    ledger = open_ledger(url, busy_seconds=busy_seconds)
    try:
        yield ledger
    finally:
        ledger.dispose()


@contextmanager
def open_node(
    folder: Path, kind: type[Kind], *, busy_seconds: float = BUSY_SECONDS, **fields: Any
) -> Iterator[Kind]:
    """With a new ledger and spool in the folder. fields: of the kind."""
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite", busy_seconds=busy_seconds) as ledger:
        yield kind(folder=folder, ledger=ledger, spool=Spool(folder / "spool"), **fields)
