"""A node with results to send, and its senders."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ich_node.config.destinations import Destination, DicomDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.loop import Sender
from ich_node.network.requestor import TLS_OFF
from tests.support.node import Node
from tests.support.results import ROOT, give_results, result_object


@dataclass(kw_only=True)
class SendingNode(Node):
    """Its ledger has finished jobs, and its spool their results."""

    def sender(
        self,
        *destinations: Destination,
        owner: str = "sender",
        tls: TlsSettings = TLS_OFF,
        **settings: Any,
    ) -> Sender:
        return Sender(
            ledger=self.ledger.delivery,
            spool=self.spool,
            destinations=destinations,
            ae_title="ICHNODE",
            clock=self.clock,
            owner=owner,
            stop=self.stop,
            tls=tls,
            **settings,
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


def pacs_at(*ports: int, **settings: Any) -> tuple[DicomDestination, ...]:
    """The destinations pacs, pacs2 ... on these ports."""
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
