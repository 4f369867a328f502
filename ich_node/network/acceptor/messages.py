"""DIMSE messages on an association (PS3.7): joins P-DATA fragments, and stores objects at once.

A message that breaks the protocol or its limits aborts the association.
"""

import struct
import threading
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.pdu_primitives import P_DATA
from typing_extensions import override

from ich_node.network.acceptor.c_store import (
    LAST_COMMAND_FRAGMENT,
    CStoreRequest,
    c_store_request,
    c_store_response,
)
from ich_node.network.acceptor.pace import BoundedIdentifier, ProtocolViolation
from ich_node.network.acceptor.service import AssociationService, CStoreEvent, StoreOperation
from ich_node.network.acceptor.state_machine import CONNECTION_CLOSED, INVALID_PDU
from ich_node.network.acceptor.transport import BoundedTransport

LARGEST_COMMAND_BYTES = 65_536
MOST_QUEUED_MESSAGES = 1
MOST_EVENT_REPORTS_AT_ONCE = 4
FRAGMENT_HEADER = struct.Struct(">LBB")  # PS3.8 tables 9-23 and E.2-1: length, context ID, control
IS_COMMAND, IS_LAST = 0x01, 0x02

log = structlog.get_logger(__name__)


class BoundedDimse(DIMSEServiceProvider):
    """Receives the messages of one association.

    Objects are stored and answered here, in the network thread that read them. Upstream hands each
    object to the association's other thread through a queue that is polled once a millisecond, and
    gets the response back in the same way. The sender is silent meanwhile, because one operation
    at a time was negotiated. All other messages are left to upstream.
    """

    def __init__(
        self, association: Association, *, service: AssociationService, patience_seconds: float
    ) -> None:
        super().__init__(association)
        self._service = service
        self._patience_seconds = patience_seconds
        self._command = bytearray()
        self._request: tuple[CStoreRequest, int] | None = None  # with its context ID
        self._operation: StoreOperation | None = None
        self._has_pipelined = False
        # Upstream serves each N-EVENT-REPORT in a thread of its own.
        self._event_reports = threading.Semaphore(MOST_EVENT_REPORTS_AT_ONCE)

    def receive_p_data(self, transport: BoundedTransport) -> bool:
        """Receive the next PDU if it is a P-DATA-TF; False if it is another one.

        Called by the reactor when the transport is ready.
        """
        try:
            pdu = transport.p_data()
            if pdu is None:
                return False
            self._receive_fragments(pdu, transport)
            # The rest of an object is read in this loop: each turn of the reactor would cost three
            # system calls for each PDU.
            while (
                self._operation is not None
                and self._is_association_open()
                and transport.read_available()
                and (pdu := transport.p_data())
            ):
                self.dul._idle_timer.restart()  # as the reactor does after each PDU
                self._receive_fragments(pdu, transport)
        except OSError:
            self.dul.event_queue.put(CONNECTION_CLOSED)
        except ProtocolViolation as violation:
            self._abort(str(violation))
        except Exception:  # noqa: BLE001 - a peer's bytes, and the library's parser on them: only this association ends
            self._abort("message_not_understood")
        return True

    def _receive_fragments(self, pdu: memoryview, transport: BoundedTransport) -> None:
        """Each presentation data value of a P-DATA-TF (PS3.8 §9.3.5)."""
        offset = 0
        while offset < len(pdu):
            length, context_id, control = FRAGMENT_HEADER.unpack_from(pdu, offset)
            data = pdu[offset + FRAGMENT_HEADER.size : offset + 4 + length]
            if length < 2 or len(data) != length - 2:
                raise ProtocolViolation("message_not_understood")
            offset += 4 + length
            is_command, is_last = control & IS_COMMAND, control & IS_LAST
            if is_command and self._operation is None and self.message is None:
                self._receive_command(context_id, data, is_last=bool(is_last))
            elif self._operation is not None and not is_command:
                self._operation.write(data)
                if is_last:
                    self._respond(transport)
            else:
                self._pass_to_upstream(context_id, control, data)

    def _receive_command(self, context_id: int, data: memoryview, *, is_last: bool) -> None:
        # A peer that does not wait for responses would fill the queue with messages. One operation
        # at a time was negotiated (PS3.7 D.3.3.3).
        if self._has_pipelined or self.msg_queue.qsize() >= MOST_QUEUED_MESSAGES:
            raise ProtocolViolation("peer_does_not_wait_for_response")
        self._command += data
        if len(self._command) > LARGEST_COMMAND_BYTES:
            raise ProtocolViolation("message_too_large")
        if not is_last:
            return
        command, self._command = bytes(self._command), bytearray()
        request = c_store_request(command)
        if request is None or not request.has_data_set:
            self.message = DIMSEMessage()
            self.message.data_set = BoundedIdentifier(patience_seconds=self._patience_seconds)
            self._pass_to_upstream(context_id, LAST_COMMAND_FRAGMENT, command)
        else:
            event = CStoreEvent(
                association=self.assoc,
                context=self.assoc._accepted_cx[context_id].as_tuple,
                request=request,
                is_association_open=self._is_association_open,
            )
            self._request = request, context_id
            self._operation = self._service.begin_store(event)

    def _pass_to_upstream(self, context_id: int, control: int, data: bytes | memoryview) -> None:
        """As upstream's P-DATA primitive."""
        if self.message is None:
            raise ProtocolViolation("message_not_understood")
        message, primitive = self.message, P_DATA()
        primitive.presentation_data_value_list.append((context_id, bytes([control]) + data))
        self.receive_primitive(primitive)
        is_event_report = isinstance(message, N_EVENT_REPORT_RQ) and self.message is None
        if is_event_report and not self._event_reports.acquire(blocking=False):
            raise ProtocolViolation("peer_does_not_wait_for_response")

    def _respond(self, transport: BoundedTransport) -> None:
        """The data set is complete: store it and send the response."""
        assert self._operation is not None
        assert self._request is not None
        request, context_id = self._request
        response = self._operation.finish()
        self.close()
        if self._is_association_open():
            self._has_pipelined = transport.has_pipelined
            transport.send(c_store_response(request, response, context_id))

    @override
    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Called by upstream's service classes."""
        is_response = primitive.MessageIDBeingRespondedTo is not None
        if is_response and isinstance(primitive, N_EVENT_REPORT):
            self._event_reports.release()
        super().send_msg(primitive, context_id)

    def close(self) -> None:
        """Drop an object that is not complete. Called by the network thread, at its end, too."""
        operation, self._operation = self._operation, None
        if operation is not None:
            operation.close()

    def _is_association_open(self) -> bool:
        return not (self.assoc._kill or self.assoc.is_aborted)

    def _abort(self, reason: str) -> None:
        log.warning("association_broken", reason=reason, calling_ae=self.assoc.requestor.ae_title)
        self.close()
        self.message = None
        self.dul.event_queue.put(INVALID_PDU)  # the state machine sends A-ABORT and closes
