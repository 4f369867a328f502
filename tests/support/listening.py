"""A listener for tests, with its ledger and spool; and what a modality says to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.ledger import Ledger
from ich_node.receive import Listener
from ich_node.spool import Spool
from tests.support.peers import CT, associated
from tests.support.standing_clock import Clock

EXPLICIT = ((CT, (ExplicitVRLittleEndian,)),)


@dataclass(frozen=True, kw_only=True)
class Node:
    """A listener with its ledger and spool."""

    listener: Listener
    ledger: Ledger
    spool: Spool
    clock: Clock

    @property
    def port(self) -> int:
        return self.listener.port


StartNode = Callable[..., Node]


def store(node: Node, *datasets: Dataset, **association: Any) -> list[Dataset]:
    """C-STORE over one association; the answers."""
    association.setdefault("contexts", EXPLICIT)
    with associated(node.port, **association) as assoc:
        assert assoc.is_established
        return [assoc.send_c_store(ds) for ds in datasets]


def echo_status(port: int) -> int | None:
    """C-ECHO; None if there is no association."""
    with associated(port) as assoc:
        return int(assoc.send_c_echo().Status) if assoc.is_established else None
