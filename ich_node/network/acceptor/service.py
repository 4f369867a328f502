"""What the acceptor needs from the node: who is admitted, and what happens to an object."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType
from pynetdicom.presentation import PresentationContextTuple

from ich_node.network.acceptor.c_store import CStoreRequest, StoreResponse


class Transfer(Protocol):
    """What brings objects: an association, or whoever else hands them over."""

    def is_alive(self) -> bool:
        """Whether it may bring more."""


@dataclass(frozen=True, kw_only=True)
class CStoreEvent:
    """The command of one C-STORE has arrived; takes the place of pynetdicom's Event.

    is_association_open: whether anybody still waits for the response.
    """

    association: Transfer
    context: PresentationContextTuple
    request: CStoreRequest
    is_association_open: Callable[[], bool]


class StoreOperation(Protocol):
    """One C-STORE, after its command. All calls come from the association's network thread."""

    def write(self, chunk: memoryview, /) -> None:
        """The next bytes of the data set; the memory is reused after the call.

        Raises ProtocolViolation to abort the association.
        """

    def finish(self) -> StoreResponse:
        """The data set is complete: store it, and say so."""

    def close(self) -> None:
        """Release what the operation holds. Always called last; a second call does nothing."""


class AssociationService(Protocol):
    """What the node does on one admitted association."""

    def event_handlers(self) -> Sequence[EventHandlerType]:
        """The handlers of pynetdicom's events on this association."""

    def begin_store(self, event: CStoreEvent, /) -> StoreOperation: ...

    def started(self, association: Association, /) -> None:
        """The threads of the association run."""

    def failed(self) -> None:
        """The association could not be started."""


# Of the A-ASSOCIATE-RQ, the peer's address and its connection: the service of the association, or
# the A-ASSOCIATE-RJ for a peer that is rejected. Must not block.
Admit = Callable[[bytes, str, socket.socket], AssociationService | bytes]
