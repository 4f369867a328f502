"""C-STORE: spool, ledger, then Success. A failure is answered with a status and a sentence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from ich_node.config.settings import ScpSettings, SeriesSettings, Source, StudySettings
from ich_node.ledger import Added, Instance, ReceiverLedger, SearchKey
from ich_node.ledger.counts import INSTANCES, INSTANCES_REFUSED, Tally
from ich_node.network.acceptor.c_store import CStoreRequest, StoreResponse
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.receive.answering import answered
from ich_node.receive.completion import Completion
from ich_node.receive.header import Header, read_header
from ich_node.receive.in_flight import BytesInFlight
from ich_node.receive.incoming_object import IncomingObject
from ich_node.receive.status import NotStored, Status
from ich_node.receive.urgent import NONE_BY_RULE, UrgentSeries
from ich_node.spool import Spool

# (0000,0700) Priority of the command, PS3.7 table 9.3-1
HIGH_PRIORITY = 0x0001
# How long a large object waits for its share of the bytes in flight
LARGE_OBJECT_WAIT_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class StoreService:
    """What storing an object needs; all associations share it."""

    scp: ScpSettings
    series: SeriesSettings
    spool: Spool
    ledger: ReceiverLedger
    search_key: SearchKey | None
    completion: Completion
    in_flight: BytesInFlight
    clock: Callable[[], datetime]
    urgent: UrgentSeries = NONE_BY_RULE
    counts: Tally = field(default_factory=Tally)

    @classmethod
    def of(
        cls,
        *,
        scp: ScpSettings,
        series: SeriesSettings,
        study: StudySettings,
        spool: Spool,
        ledger: ReceiverLedger,
        search_key: SearchKey | None,
        clock: Callable[[], datetime],
        urgent: UrgentSeries = NONE_BY_RULE,
        large_object_wait_seconds: float = LARGE_OBJECT_WAIT_SECONDS,
        counts: Tally | None = None,
    ) -> "StoreService":
        """With what decides when a series is complete, and the limit of bytes in flight."""
        completion = Completion(
            ledger=ledger,
            series=series,
            study=study,
            idle_timeout_seconds=scp.idle_timeout_seconds,
            clock=clock,
        )
        return cls(
            scp=scp,
            series=series,
            spool=spool,
            ledger=ledger,
            search_key=search_key,
            completion=completion,
            in_flight=BytesInFlight(scp, wait_seconds=large_object_wait_seconds),
            urgent=urgent,
            clock=clock,
            counts=counts or Tally(),
        )

    def begin(self, event: CStoreEvent, source: Source) -> "ObjectStore":
        """The command of an object has arrived."""
        data_set = IncomingObject(
            request=event.request,
            transfer_syntax=event.context.transfer_syntax,
            is_wanted=event.is_association_open,
            scp=self.scp,
            spool=self.spool,
            in_flight=self.in_flight,
        )
        return ObjectStore(service=self, event=event, source=source, data_set=data_set)


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """One C-STORE, from its command to its response: the acceptor's StoreOperation."""

    service: StoreService
    event: CStoreEvent
    source: Source
    data_set: IncomingObject

    def write(self, chunk: memoryview) -> None:
        """Raises ProtocolViolation."""
        self.data_set.write(chunk)

    def close(self) -> None:
        self.data_set.close()

    def finish(self) -> StoreResponse:
        """Never raises. Success means on disk and in the ledger."""
        return answered(
            self.event.request.AffectedSOPInstanceUID,
            self._store_and_log,
            refused=self._count_refused,
        )

    def _count_refused(self, status: Status) -> None:
        self.service.counts.add(
            INSTANCES_REFUSED, source=self.source.name, status=status.name.lower()
        )

    def _store_and_log(self) -> None:
        added = self._store()
        self.service.counts.add(INSTANCES, source=self.source.name)
        log.debug(
            "object_stored",
            sop_instance_uid=self.event.request.AffectedSOPInstanceUID,
            source=self.source.name,
            added=added.name,
        )

    def _store(self) -> Added:
        """Raises NotStored, Unavailable."""
        service, event, data_set = self.service, self.event, self.data_set
        request, transfer_syntax = event.request, event.context.transfer_syntax
        if request.AffectedSOPClassUID != event.context.abstract_syntax:
            raise NotStored(
                Status.SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of its context"
            )
        if data_set.refused is not None:
            raise data_set.refused
        if not event.is_association_open():
            raise NotStored(Status.PROCESSING_FAILURE, "the association has ended")
        header = read_header(data_set.first, data_set.reader, transfer_syntax)
        _compare_with_command(header, request)
        is_urgent = (
            self.source.urgent
            or request.Priority == HIGH_PRIORITY
            or service.urgent.includes(header, self.source.name, data_set.reader, transfer_syntax)
        )
        stored = data_set.keep()
        now = service.clock()
        instance = Instance(
            sop_instance_uid=header.sop_instance_uid,
            sop_class_uid=header.sop_class_uid,
            study_instance_uid=header.study_instance_uid,
            series_instance_uid=header.series_instance_uid,
            transfer_syntax_uid=str(transfer_syntax),
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source=self.source.name,
            received_at=now,
            orientation=header.orientation,
            position_mm=header.position_mm,
        )
        service.completion.object_arrives(
            event.association, header.series_instance_uid, header.sop_instance_uid
        )
        ready_at = service.completion.ready_while_open(self.source, now)
        added = service.ledger.add(
            instance,
            ready_at=ready_at,
            max_wait=timedelta(seconds=service.series.max_wait_seconds),
            urgent=is_urgent,
            terms=lambda: header.words.terms(service.search_key),
        )
        if added is Added.DUPLICATE:
            # A sender that starts again after a crash is still sending the series, though the
            # ledger has nothing new of it.
            service.ledger.set_ready([header.series_instance_uid], ready_at=ready_at)
        return added


def _compare_with_command(header: Header, request: CStoreRequest) -> None:
    """Raises NotStored."""
    if header.sop_class_uid != request.AffectedSOPClassUID:
        raise NotStored(Status.DOES_NOT_MATCH_COMMAND, "SOPClassUID is not that of the command")
    if header.sop_instance_uid != request.AffectedSOPInstanceUID:
        raise NotStored(Status.DOES_NOT_MATCH_COMMAND, "SOPInstanceUID is not that of the command")
