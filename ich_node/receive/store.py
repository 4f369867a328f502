"""C-STORE: spool, ledger, then Success. Anything less is said out loud."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ich_node.config.settings import SeriesSettings, Source
from ich_node.errors import SpoolFull, Unavailable
from ich_node.ledger import Added, Instance, ReceiverLedger
from ich_node.network.acceptor.c_store import CStoreEvent, CStoreRequest
from ich_node.receive.completion import Completion
from ich_node.receive.header import LEGAL_UID, Header, read_header
from ich_node.receive.incoming_object import IncomingObject
from ich_node.receive.status import NotStored, Status, StoreResponse, response

# (0000,0700) Priority of the command, PS3.7 table 9.3-1
HIGH_PRIORITY = 0x0001

log = structlog.get_logger(__name__)


class Store:
    """Keeps the objects of admitted associations."""

    def __init__(
        self,
        series: SeriesSettings,
        ledger: ReceiverLedger,
        completion: Completion,
        clock: Callable[[], datetime],
    ) -> None:
        self._max_wait = timedelta(seconds=series.max_wait_seconds)
        self._ledger = ledger
        self._completion = completion
        self._clock = clock

    def answer(self, event: CStoreEvent, source: Source | None) -> StoreResponse:
        """The C-STORE response. Never raises; Success means on disk and in the ledger."""
        uid = str(event.request.AffectedSOPInstanceUID)
        instance_uid = (
            uid if LEGAL_UID.fullmatch(uid) else "illegal"
        )  # it could be anything, a name as well
        arrived = event.data_set
        try:
            if source is None:
                raise NotStored(Status.NOT_AUTHORISED, "the association was not admitted")
            added = self._keep(event.request, arrived, event, source)
        except NotStored as refusal:
            log.warning(
                "object_refused",
                sop_instance_uid=instance_uid,
                status=f"0x{refusal.status:04X}",
                detail=refusal.detail,
            )
            return response(refusal.status, refusal.detail)
        except Unavailable as error:
            log.error("object_not_kept", sop_instance_uid=instance_uid, detail=error.detail)
            comment = (
                "the spool is full"
                if isinstance(error, SpoolFull)
                else "the ledger cannot be written; send again"
            )
            return response(Status.OUT_OF_RESOURCES, comment)
        except Exception:  # a bug of ours: the sender keeps its copy, the association goes on
            log.exception("object_failed", sop_instance_uid=instance_uid)
            return response(Status.PROCESSING_FAILURE, "internal error; see the log of the node")
        finally:
            arrived.discard()
        log.debug(
            "object_stored", sop_instance_uid=instance_uid, source=source.name, added=added.name
        )
        return response(Status.SUCCESS)

    def _keep(
        self, request: CStoreRequest, arrived: IncomingObject, event: CStoreEvent, source: Source
    ) -> Added:
        """Raises NotStored, Unavailable."""
        transfer_syntax = event.context.transfer_syntax
        if request.AffectedSOPClassUID != event.context.abstract_syntax:
            raise NotStored(
                Status.SOP_CLASS_NOT_SUPPORTED, "the SOP class is not that of its context"
            )
        if arrived.refused is not None:
            raise arrived.refused
        header = read_header(arrived.first, arrived.reader, transfer_syntax)
        _hold_against_command(header, request)
        stored = arrived.keep()
        now = self._clock()
        instance = Instance(
            sop_instance_uid=header.sop_instance_uid,
            sop_class_uid=header.sop_class_uid,
            study_instance_uid=header.study_instance_uid,
            series_instance_uid=header.series_instance_uid,
            transfer_syntax_uid=str(transfer_syntax),
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source=source.name,
            received_at=now,
            orientation=header.orientation,
            position_mm=header.position_mm,
        )
        self._completion.arrives(event.assoc, header.series_instance_uid, header.sop_instance_uid)
        ready_at = self._completion.ready_while_open(source, now)
        urgent = source.urgent or request.Priority == HIGH_PRIORITY
        added = self._ledger.add(
            instance, ready_at=ready_at, max_wait=self._max_wait, urgent=urgent
        )
        if added is Added.DUPLICATE:
            # A sender that begins again after a crash is still sending the series, though the
            # ledger learns nothing new.
            self._ledger.set_ready([header.series_instance_uid], ready_at=ready_at)
        return added


def _hold_against_command(header: Header, request: CStoreRequest) -> None:
    if header.sop_class_uid != request.AffectedSOPClassUID:
        raise NotStored(Status.DOES_NOT_MATCH_COMMAND, "SOPClassUID is not that of the command")
    if header.sop_instance_uid != request.AffectedSOPInstanceUID:
        raise NotStored(Status.DOES_NOT_MATCH_COMMAND, "SOPInstanceUID is not that of the command")
