"""Limits that pynetdicom 3.0 lacks: a deadline and a size for each PDU, and for each message.

Without them a PDU header of six bytes makes it allocate 4 GiB, and a peer that falls silent in a PDU is never let go.
"""

import contextlib
import queue
import socket
import threading
import time
from typing import Any

import structlog
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE, N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from ich_node.config import ScpSettings
from ich_node.receive.arrival import Arrivals, Arriving, Overstepped
from ich_node.receive.vestibule import LARGEST_ASSOCIATE_PDU_BYTES

LARGEST_COMMAND_BYTES = 65_536
MOST_MESSAGES_AHEAD = 1
MOST_REPORTS_AT_ONCE = 4
READ_BYTES = 65_536

log = structlog.get_logger(__name__)


class Guard:
    """Puts the limits on each new association."""

    def __init__(self, scp: ScpSettings, arrivals: Arrivals) -> None:
        self._scp = scp
        self._arrivals = arrivals

    def watch(self, association: Association, said: bytes) -> None:
        """Before the association's threads start. said: what was read of its connection already."""
        transport = association.dul.socket
        assert transport is not None
        assert transport.socket is not None
        association.dimse = BoundedDimse(association, self._arrivals)
        association.dul.state_machine = EndingStateMachine(association.dul)
        association.dul.event_queue = queue.Queue()  # with the event of the transport that ours replaces
        association.dul.socket = BoundedTransport(association, transport.socket, self._scp, said)

    def on_close(self, event: Event) -> None:
        """EVT_CONN_CLOSE: what was arriving will not be whole."""
        _forget(event.assoc)
        if event.assoc.requestor.primitive is None:
            # a request that could not be understood leaves a thread behind that waits for it; this it gets when the time is over
            event.assoc.dul.to_user_queue.put(None)


def _forget(association: Association) -> None:
    if isinstance(association.dimse, BoundedDimse):
        association.dimse.forget()


class EndingStateMachine(StateMachine):
    """Ends the association where upstream's thread would die of an exception: its traceback goes to the log, its socket stays."""

    def do_action(self, event: str) -> None:
        """Called by the association's network thread."""
        if (event, self.current_state) not in TRANSITION_TABLE:
            # Both sides abort at the same time: the connection is closing already (Sta13), or closed (Sta1).
            if self.current_state not in ("Sta1", "Sta13"):
                self._end(f"{event} in {self.current_state}")
            return
        try:
            super().do_action(event)
        except Exception as error:  # noqa: BLE001 - the library on a peer's bytes: whatever breaks, only this peer may notice
            self._end(type(error).__name__)

    def _end(self, reason: str) -> None:
        log.warning("association_broken", reason=reason, calling_ae=self.dul.assoc.requestor.ae_title)
        if self.dul.socket is not None:
            self.dul.socket.close()
        _forget(self.dul.assoc)
        self.dul.assoc.is_aborted = True
        self.dul.assoc.is_established = False
        self.dul.assoc.kill()
        self.dul.kill_dul()


class BoundedTransport(AssociationSocket):
    """Reads PDUs no larger than announced in negotiation, no later than the deadline. What was said already comes first."""

    def __init__(self, association: Association, connection: socket.socket, scp: ScpSettings, said: bytes) -> None:
        self._scp = scp
        self._said = said
        connection.settimeout(scp.dimse_timeout_seconds)  # sending to a peer that stopped reading must end, too
        super().__init__(association, client_socket=connection)

    @property
    def ready(self) -> bool:
        """Whether there is something to read."""
        return bool(self._said) or super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        """Raises OSError (pynetdicom then closes the connection) if the PDU is too large or too slow."""
        connection = self.socket
        if connection is None:
            raise ConnectionResetError("the connection is closed")
        limit_bytes = max(self._scp.max_pdu_bytes, LARGEST_ASSOCIATE_PDU_BYTES)
        if nr_bytes > limit_bytes:
            log.warning("pdu_too_large", announced_bytes=nr_bytes, limit_bytes=limit_bytes)
            raise OSError(f"a PDU of {nr_bytes} bytes is over the limit")
        received = bytearray(self._said[:nr_bytes])
        self._said = self._said[nr_bytes:]
        deadline = time.monotonic() + self._scp.dimse_timeout_seconds
        while len(received) < nr_bytes:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("the PDU did not arrive in time")
            connection.settimeout(left_seconds)
            chunk = connection.recv(min(READ_BYTES, nr_bytes - len(received)))
            if not chunk:
                break
            received += chunk
        connection.settimeout(self._scp.dimse_timeout_seconds)
        return received

    def _shutdown_socket(self) -> None:
        """The library's own does not close a socket whose shutdown fails because the peer went first."""
        connection = self.socket
        if connection is None:
            return
        with contextlib.suppress(OSError):
            # not the method of an SSL socket, which would pull the TLS layer away from under the thread that reads
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        connection.close()


class BoundedDimse(DIMSEServiceProvider):
    """Joins P-DATA fragments to messages; what breaks the protocol or its limits aborts the association."""

    def __init__(self, association: Association, arrivals: Arrivals) -> None:
        super().__init__(association)
        self._arrivals = arrivals
        # The library serves each N-EVENT-REPORT in a thread of its own.
        self._reports = threading.Semaphore(MOST_REPORTS_AT_ONCE)

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Called by the state machine for each P-DATA-TF."""
        try:
            if self.message is None:
                self._begin()
            assert self.message is not None
            message = self.message
            super().receive_primitive(primitive)
            if message.encoded_command_set.tell() > LARGEST_COMMAND_BYTES:
                raise Overstepped("message_too_large")
            is_report = isinstance(message, N_EVENT_REPORT_RQ) and self.message is None
            if is_report and not self._reports.acquire(blocking=False):
                raise Overstepped("peer_sends_ahead")
        except Overstepped as reason:
            self._break(str(reason))
        except Exception:  # noqa: BLE001 - the library's parser on a peer's bytes: whatever breaks, only this peer may notice
            self._break("message_not_understood")

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Called by the service classes."""
        if isinstance(primitive, N_EVENT_REPORT) and primitive.MessageIDBeingRespondedTo is not None:
            self._reports.release()
        super().send_msg(primitive, context_id)

    def forget(self) -> None:
        """The association ended: drop what is not whole, and what nobody will ask for."""
        _discard(self.message and self.message.data_set)
        with contextlib.suppress(queue.Empty):
            while True:
                _, message = self.msg_queue.get_nowait()
                if isinstance(message, C_STORE):
                    _discard(message.DataSet)

    def _begin(self) -> None:
        # One operation at a time was negotiated (PS3.7 D.3.3.3): a peer that sends ahead would pile up objects.
        if self.msg_queue.qsize() >= MOST_MESSAGES_AHEAD:
            raise Overstepped("peer_sends_ahead")
        self.message = DIMSEMessage()
        self.message.data_set = Arriving(self._arrivals, self.message, self._transfer_syntax_of, self._is_going_on)

    def _transfer_syntax_of(self, context_id: int) -> UID:
        """Of an accepted context; the library's map raises KeyError for any other."""
        return UID(self.assoc._accepted_cx[context_id].transfer_syntax[0])

    def _is_going_on(self) -> bool:
        return bool(self.assoc.is_established) and not self.assoc._kill

    def _break(self, reason: str) -> None:
        log.warning("association_broken", reason=reason, calling_ae=self.assoc.requestor.ae_title)
        _discard(self.message and self.message.data_set)
        self.message = None
        self.dul.event_queue.put("Evt19")  # "invalid PDU": the state machine sends A-ABORT and closes


def _discard(data_set: object) -> None:
    if isinstance(data_set, Arriving):
        data_set.discard()
