"""A ledger with finished jobs, the spool with their results, and senders on both; time stands still
until a test moves it.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ich_node.config.destinations import Destination, DicomDestination
from ich_node.deliver.loop import Sender
from ich_node.ledger import Delivery, DeliveryState, Ledger, open_ledger
from ich_node.spool import Spool
from tests.support.results import ROOT, give_results, result_object
from tests.support.standing_clock import Clock

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A ledger with finished jobs, and the spool with their results."""

    ledger: Ledger
    spool: Spool
    clock: Clock
    stop: threading.Event

    def sender(self, *ports: int, owner: str = "sender", **destination: Any) -> Sender:
        """Sends to the destinations pacs, pacs2 ... on these ports."""
        return Sender(
            ledger=self.ledger.delivery,
            spool=self.spool,
            destinations=destinations(*ports, **destination),
            ae_title="ICHNODE",
            clock=self.clock,
            owner=owner,
            stop=self.stop,
        )

    def finish(
        self, count: int = 3, *, series: int = 1, to: tuple[str, ...] = ("pacs",)
    ) -> list[str]:
        """A job that was read, with so many results to deliver; their UIDs."""
        give_results(
            self.ledger,
            self.spool,
            [result_object(index, series=series) for index in range(count)],
            to,
            self.clock.now,
        )
        return [f"{ROOT}{series}.{index + 1}" for index in range(count)]

    def deliveries(self) -> list[Delivery]:
        return [
            delivery
            for job in self.ledger.operator.list()
            for delivery in self.ledger.operator.deliveries(job.id)
        ]

    def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]


def destinations(*ports: int, **settings: Any) -> tuple[DicomDestination, ...]:
    settings.setdefault("ae_title", "PACS")
    names = ["pacs", *(f"pacs{number}" for number in range(2, len(ports) + 1))]
    return tuple(
        DicomDestination(name=name, host="127.0.0.1", port=port, **settings)
        for name, port in zip(names, ports, strict=False)
    )


SENDER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from pydantic import TypeAdapter
from ich_node.config.destinations import Destination
from ich_node.deliver.loop import Sender
from ich_node.ledger import open_ledger
from ich_node.spool import Spool
root = Path(sys.argv[1])
Sender(
    ledger=open_ledger(f"sqlite:///{root}/ledger.sqlite").delivery,
    spool=Spool(root / "spool"),
    destinations=(TypeAdapter(Destination).validate_json(sys.argv[2]),),
    ae_title="ICHNODE",
    clock=lambda: datetime.now(UTC),
    owner="killed",
    stop=threading.Event(),
).work()
"""


def sender_process(folder: Path, destination: Destination) -> subprocess.Popen[bytes]:
    """A sender in a process of its own, to be killed; on the ledger and spool of `folder`."""
    arguments = [str(folder), destination.model_dump_json(exclude_unset=True)]
    return subprocess.Popen([sys.executable, "-c", SENDER, *arguments], stderr=subprocess.DEVNULL)


@contextmanager
def open_node(folder: Path) -> Iterator[Node]:
    """With a new ledger and spool in the folder."""
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    yield Node(ledger=ledger, spool=Spool(folder / "spool"), clock=Clock(), stop=threading.Event())
    ledger.dispose()
