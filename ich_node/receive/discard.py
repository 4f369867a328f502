"""Objects of other SOP classes than those that this node reads, from sources with
`other_classes = "discard"`: accepted, answered with Success, and not kept.

It is for senders that give up a whole study if one presentation context of it is rejected. Success
is not true of these objects, so such a source must not ask for storage commitment.
"""

from dataclasses import dataclass

from pynetdicom import AllStoragePresentationContexts

from ich_node.config.settings import ScpSettings
from ich_node.network.acceptor.c_store import StoreResponse
from ich_node.network.acceptor.pace import Pace
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.receive.incoming_object import MOST_DISCARDED
from ich_node.receive.negotiation import ACCEPTED_SOP_CLASSES
from ich_node.receive.status import Status, response

# PS3.6 gives this root to Image, Waveform, Document and other Storage, retired ones too.
STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
# Storage of manufacturers that comes with CT studies
PRIVATE_STORAGE = frozenset(
    {
        "1.2.392.200036.9116.7.8.1.1.1",  # Toshiba, private data
        "1.2.840.113619.4.26",  # GE, 3D model
        "1.2.840.113619.4.27",  # GE, tractography
        "1.2.840.113619.4.30",  # GE, private data
        "1.3.12.2.1107.5.9.1",  # Siemens, CSA non-image
        "1.3.46.670589.2.3.1.1",  # Philips, specialised XA
        "1.3.46.670589.2.4.1.1",  # Philips, composite CT
        "1.3.46.670589.2.5.1.1",  # Philips, 3D presentation state
        "1.3.46.670589.5.0.1",  # Philips, volume
        "1.3.46.670589.5.0.2",  # Philips, 3D object
        "1.3.46.670589.5.0.10",  # Philips, live run
    }
)
STANDARD_STORAGE = frozenset(
    str(context.abstract_syntax) for context in AllStoragePresentationContexts
)


def is_other_storage(sop_class_uid: str) -> bool:
    """Whether objects of this class are stored by others, and not read by this node."""
    if sop_class_uid in ACCEPTED_SOP_CLASSES:
        return False
    return sop_class_uid.startswith(STORAGE_ROOT) or sop_class_uid in (
        STANDARD_STORAGE | PRIVATE_STORAGE
    )


@dataclass(frozen=True, kw_only=True)
class DiscardedObject:
    """One C-STORE whose bytes are counted and dropped: the acceptor's StoreOperation."""

    event: CStoreEvent
    pace: Pace

    @classmethod
    def begin(cls, event: CStoreEvent, scp: ScpSettings) -> "DiscardedObject":
        pace = Pace(
            patience_seconds=scp.dimse_timeout_seconds,
            limit_bytes=MOST_DISCARDED * scp.max_object_bytes,
        )
        return cls(event=event, pace=pace)

    def write(self, chunk: memoryview) -> None:
        """Raises ProtocolViolation."""
        self.pace.count(len(chunk))

    def finish(self) -> StoreResponse:
        if self.event.request.AffectedSOPClassUID != self.event.context.abstract_syntax:
            return response(
                Status.SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of its context"
            )
        return response(Status.SUCCESS)

    def close(self) -> None:
        """There is nothing to release."""
