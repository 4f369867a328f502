"""Objects that this node fetched itself go the same way as those that are sent to it: the same
checks and limits, the spool, the ledger.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom.presentation import PresentationContextTuple

from ich_node.config.settings import ScpSettings, SeriesSettings, Source, StudySettings
from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.ledger import ReceiverLedger, SearchKey
from ich_node.ledger.counts import Tally
from ich_node.network.acceptor.c_store import MEDIUM, CStoreRequest
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.receive.completion import Completion
from ich_node.receive.negotiation import ACCEPTED_SOP_CLASSES
from ich_node.receive.status import Status
from ich_node.receive.store import StoreService
from ich_node.spool import Spool

CHUNK_BYTES = 1 << 20
# Preamble, prefix, and the element that says how long the rest of the group is (PS3.10 §7.1)
GROUP_LENGTH_AT, META_AT = 140, 144
UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


class OtherTransferSyntax(Exception):
    """An object came in a transfer syntax that this node does not read."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Where fetched objects enter: what the listener has, without the network."""

    source: Source
    store: StoreService
    completion: Completion

    @classmethod
    def of(
        cls,
        *,
        source: Source,
        scp: ScpSettings,
        series: SeriesSettings,
        study: StudySettings,
        spool: Spool,
        ledger: ReceiverLedger,
        search_key: SearchKey,
        clock: Callable[[], datetime],
        counts: Tally | None = None,
    ) -> "Entrance":
        # no rule makes it urgent: it was missed, and comes late
        store = StoreService.of(
            scp=scp,
            series=series,
            study=study,
            spool=spool,
            ledger=ledger,
            search_key=search_key,
            clock=clock,
            counts=counts,
        )
        return cls(source=source, store=store, completion=store.completion)

    @contextmanager
    def open(self, study_instance_uid: str, series_instance_uid: str) -> Iterator["Handover"]:
        """For the objects of one series; at the end the series is ready, or, after an exception,
        known as one that may lack objects.
        """
        handover = Handover(
            entrance=self,
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
        )
        try:
            yield handover
        except BaseException:
            self.completion.aborted(handover, self.source)
            raise
        self.completion.released(handover, self.source)


@dataclass(eq=False, kw_only=True)
class Handover:
    """The objects of one series on their way in: takes the place of an association. refused: a
    sentence for each object that was not stored.
    """

    entrance: Entrance
    study_instance_uid: str
    series_instance_uid: str
    stored: int = 0
    other_classes: int = 0
    refused: list[str] = field(default_factory=list)

    def is_alive(self) -> bool:
        """See Transfer."""
        return True

    def add(self, file: bytes) -> None:
        """Store a DICOM file. Raises OtherTransferSyntax."""
        header = _header(file)
        if header is None:
            self.refused.append("an object of the answer is no DICOM file")
            return
        syntax = header.file_meta.TransferSyntaxUID
        sop_class, sop_instance, study, series = (str(header.get(uid, "")) for uid in UIDS)
        if (study, series) != (self.study_instance_uid, self.series_instance_uid):
            self.refused.append("an object of the answer is of another series")
        elif sop_class not in ACCEPTED_SOP_CLASSES:
            self.other_classes += 1
        elif syntax not in ACCEPTED_TRANSFER_SYNTAXES:
            raise OtherTransferSyntax(syntax)
        else:
            self._store(memoryview(file), sop_class, sop_instance, UID(syntax))

    def _store(self, file: memoryview, sop_class: str, sop_instance: str, syntax: UID) -> None:
        request = CStoreRequest(
            MessageID=1,
            AffectedSOPClassUID=sop_class,
            AffectedSOPInstanceUID=sop_instance,
            Priority=MEDIUM,
            has_data_set=True,
        )
        event = CStoreEvent(
            association=self,
            context=PresentationContextTuple(1, UID(sop_class), syntax),
            request=request,
            is_association_open=lambda: True,
        )
        operation = self.entrance.store.begin(event, self.entrance.source)
        begins = META_AT + int.from_bytes(file[GROUP_LENGTH_AT:META_AT], "little")
        try:
            for offset in range(begins, len(file), CHUNK_BYTES):
                operation.write(file[offset : offset + CHUNK_BYTES])
            answer = operation.finish()
        finally:
            operation.close()
        if answer.status == Status.SUCCESS:
            self.stored += 1
        else:
            name = sop_instance if is_legal_uid(sop_instance) else "an illegal SOP Instance UID"
            self.refused.append(f"{name}: {answer.comment}")


def _header(file: bytes) -> Dataset | None:
    """The UIDs and the file meta information; None if it is no DICOM file."""
    try:
        ds = dcmread(BytesIO(file), stop_before_pixels=True, specific_tags=list(UIDS))
        has_length = ds.file_meta.FileMetaInformationGroupLength is not None
        return ds if has_length and ds.file_meta.TransferSyntaxUID else None
    except (InvalidDicomError, AttributeError, *PARSING_ERRORS):
        return None
