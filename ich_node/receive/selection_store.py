"""A C-STORE to the AE title of [verdicts]: a Key Object Selection of a reader becomes a verdict
about the series that it refers to. The object itself is not kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from pynetdicom.association import Association

from ich_node.config.settings import ScpSettings, Source, VerdictSettings
from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID
from ich_node.ledger import SELECTION, Verdict, VerdictLedger
from ich_node.network.acceptor.c_store import StoreResponse
from ich_node.network.acceptor.pace import Pace
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.receive.answering import answered
from ich_node.receive.incoming_object import MOST_DISCARDED
from ich_node.receive.selection import ReaderSelection, read_selection
from ich_node.receive.status import NotStored, Status

MOST_BYTES = 4 << 20  # ten thousand references
QUALITY = "quality"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class SelectionService:
    """What all associations share."""

    settings: VerdictSettings
    scp: ScpSettings
    ledger: VerdictLedger
    clock: Callable[[], datetime]

    def is_called(self, called_ae: str) -> bool:
        title = self.settings.ae_title
        return title is not None and called_ae.strip() == title.strip()

    def begin(self, event: CStoreEvent, source: Source) -> "SelectionStore":
        pace = Pace(
            patience_seconds=self.scp.dimse_timeout_seconds, limit_bytes=MOST_DISCARDED * MOST_BYTES
        )
        return SelectionStore(service=self, event=event, source=source, pace=pace)


@dataclass(frozen=True, kw_only=True)
class SelectionStore:
    """One C-STORE: the acceptor's StoreOperation."""

    service: SelectionService
    event: CStoreEvent
    source: Source
    pace: Pace
    data: bytearray = field(default_factory=bytearray)

    def write(self, chunk: memoryview) -> None:
        """Raises ProtocolViolation."""
        self.pace.count(len(chunk))
        if self.pace.size_bytes <= MOST_BYTES:
            self.data.extend(chunk)

    def close(self) -> None:
        """There is nothing to release."""

    def finish(self) -> StoreResponse:
        """Never raises. Success means that the verdict is in the ledger."""
        return answered(self.event.request.AffectedSOPInstanceUID, self._store)

    def _store(self) -> None:
        """Raises NotStored, Unavailable."""
        service, request, context = self.service, self.event.request, self.event.context
        if request.AffectedSOPClassUID != context.abstract_syntax:
            raise NotStored(
                Status.SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of its context"
            )
        if self.pace.size_bytes > MOST_BYTES:
            raise NotStored(Status.OBJECT_TOO_LARGE, f"larger than {MOST_BYTES} bytes")
        selection = read_selection(
            bytes(self.data), context.transfer_syntax, ae_title=service.scp.ae_title
        )
        self._compare_with_command(selection)
        association = self.event.association
        assert isinstance(association, Association)  # no other transfer brings selections
        sender = association.requestor.implementation_class_uid
        if (
            selection.made_here
            or sender == IMPLEMENTATION_CLASS_UID
            or service.ledger.is_result(selection.sop_instance_uid)
        ):
            raise NotStored(Status.MADE_HERE, "this node made it: it is no verdict of a reader")
        bleeding = selection.bleeding(service.settings)
        marked = service.ledger.referenced(selection.series_of)
        if not marked:
            raise NotStored(Status.NOTHING_KNOWN, "it refers to no object that this node knows")
        at = service.clock()
        outcomes = service.ledger.record(
            [
                Verdict(
                    job_id=job_id,
                    at=at,
                    bleeding=bleeding,
                    type="" if bleeding else QUALITY,
                    who=selection.reader or f"a reader at {self.source.name}",
                    origin=SELECTION,
                    origin_uid=selection.sop_instance_uid,
                    slices="\n".join(slices),
                )
                for job_id, slices in marked.items()
            ],
            by=self.source.name,
        )
        log.info(
            "verdict_received",
            sop_instance_uid=selection.sop_instance_uid,
            source=self.source.name,
            jobs=list(marked),
            outcomes=[outcome.name.lower() for outcome in outcomes],
        )

    def _compare_with_command(self, selection: ReaderSelection) -> None:
        request = self.event.request
        if selection.sop_class_uid != request.AffectedSOPClassUID:
            raise NotStored(Status.DOES_NOT_MATCH_COMMAND, "SOPClassUID is not that of the command")
        if selection.sop_instance_uid != request.AffectedSOPInstanceUID:
            raise NotStored(
                Status.DOES_NOT_MATCH_COMMAND, "SOPInstanceUID is not that of the command"
            )
