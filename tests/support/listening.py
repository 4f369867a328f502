"""A node that listens, and what a modality says to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.config.settings import Source
from ich_node.ledger.counts import Tally
from ich_node.receive import Listener
from tests.support.node import Node
from tests.support.peers import CT, associated

CT1 = Source(name="ct", ae_title="CT1", hosts=("127.0.0.0/8",))
EXPLICIT = ((CT, (ExplicitVRLittleEndian,)),)


@dataclass(kw_only=True)
class ListeningNode(Node):
    listener: Listener
    counts: Tally = field(default_factory=Tally)

    @property
    def port(self) -> int:
        return self.listener.port


StartNode = Callable[..., ListeningNode]


def store(node: ListeningNode, *datasets: Dataset, **association: Any) -> list[Dataset]:
    """C-STORE over one association; the answers."""
    association.setdefault("contexts", EXPLICIT)
    with associated(node.port, **association) as assoc:
        assert assoc.is_established
        return [assoc.send_c_store(ds) for ds in datasets]


def echo_status(port: int) -> int | None:
    """C-ECHO; None if there is no association."""
    with associated(port) as assoc:
        return int(assoc.send_c_echo().Status) if assoc.is_established else None
