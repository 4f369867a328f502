"""Limits that pynetdicom 3.0 lacks: a deadline and a size for each PDU, and for each message; and a
shorter way for objects.

Without the limits a PDU header of six bytes makes it allocate 4 GiB, and a peer that falls silent
in a PDU is never let go.
"""

import contextlib
import queue
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from ich_node.config.settings import ScpSettings
from ich_node.network.acceptor.c_store import (
    LAST_OF_A_COMMAND,
    P_DATA_TF,
    CStoreEvent,
    c_store_request,
    c_store_response,
)
from ich_node.network.acceptor.reactor import CLOSED, CLOSING, Reactor
from ich_node.network.acceptor.waiting_room import LARGEST_ASSOCIATE_PDU_BYTES
from ich_node.receive.incoming_object import Arrivals, Identifier, IncomingObject, Overstepped
from ich_node.receive.status import StoreResponse

# Of a primitive that waits to be sent (PS3.8 table 9-1): accept, reject, data, release, its answer,
# abort.
OUR_EVENTS = ("Evt7", "Evt8", "Evt9", "Evt11", "Evt14", "Evt15")
LARGEST_COMMAND_BYTES = 65_536
MOST_MESSAGES_AHEAD = 1
MOST_REPORTS_AT_ONCE = 4
PDU_HEADER = struct.Struct(">BxL")
FRAGMENT_HEADER = struct.Struct(">LBB")  # PS3.8 tables 9-23 and E.2: length, context, control
TIMEVAL = struct.Struct("@ll")  # seconds, microseconds

log = structlog.get_logger(__name__)


class Guard:
    """Puts the limits on each new association."""

    def __init__(
        self, scp: ScpSettings, arrivals: Arrivals, store: Callable[[CStoreEvent], StoreResponse]
    ) -> None:
        self._scp = scp
        self._arrivals = arrivals
        self._store = store

    def watch(self, association: Association, said: bytes) -> None:
        """Before the association's threads start. said: what was read of its connection already."""
        transport = association.dul.socket
        assert transport is not None
        assert transport.socket is not None
        association.dimse = dimse = BoundedDimse(association, self._arrivals, self._store)
        association.dul = Reactor(association, dimse.takes_p_data)
        association.dul.state_machine = EndingStateMachine(association.dul)
        association.dul.socket = BoundedTransport(association, transport.socket, self._scp, said)

    def on_close(self, event: Event) -> None:
        """EVT_CONN_CLOSE: what was arriving will not be whole."""
        _forget(event.assoc)
        if event.assoc.requestor.primitive is None:
            # a request that could not be understood leaves a thread behind that waits for it; this
            # it gets when the time is over
            event.assoc.dul.to_user_queue.put(None)


def _forget(association: Association) -> None:
    if isinstance(association.dimse, BoundedDimse):
        association.dimse.forget()


class EndingStateMachine(StateMachine):
    """Ends the association where upstream's thread would die of an exception: its traceback goes to
    the log, its socket stays.
    """

    def do_action(self, event: str) -> None:
        """Called by the association's network thread."""
        if (event, self.current_state) not in TRANSITION_TABLE:
            # Both sides end it at the same time: the connection is closing already (Sta13), or
            # closed (Sta1).
            if event in OUR_EVENTS:
                # what we wanted to say; upstream would come back to it for ever
                with contextlib.suppress(queue.Empty):
                    self.dul.to_provider_queue.get(block=False)
            if self.current_state not in (CLOSED, CLOSING):
                self._end(f"{event} in {self.current_state}")
            return
        try:
            super().do_action(event)
        except Exception as error:  # noqa: BLE001 - the library on a peer's bytes: whatever breaks, only this peer may notice
            self._end(type(error).__name__)

    def _end(self, reason: str) -> None:
        log.warning(
            "association_broken", reason=reason, calling_ae=self.dul.assoc.requestor.ae_title
        )
        if self.dul.socket is not None:
            self.dul.socket.close()
        _forget(self.dul.assoc)
        self.dul.assoc.is_aborted = True
        self.dul.assoc.is_established = False
        self.dul.assoc._kill = True  # not kill(), which waits for this thread
        self.dul.kill_dul()


class BoundedTransport(AssociationSocket):
    """Reads PDUs no larger than announced in negotiation, no later than the deadline. What was said
    already comes first.

    Upstream reads 4 kB at a time into a new buffer for each PDU; this one reads all that is there
    into one that stays.
    """

    def __init__(
        self, association: Association, connection: socket.socket, scp: ScpSettings, said: bytes
    ) -> None:
        self._patience_seconds = scp.dimse_timeout_seconds
        self._limit_bytes = max(scp.max_pdu_bytes, LARGEST_ASSOCIATE_PDU_BYTES)
        self._buffer = bytearray(PDU_HEADER.size + self._limit_bytes)
        self._view = memoryview(self._buffer)
        self._begin, self._end = 0, len(said)
        self._buffer[: len(said)] = said
        # Sending to a peer that stopped reading must end, too.
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        if self._is_tls:
            connection.settimeout(self._patience_seconds)
        # Python asks the kernel before each call whether it may be made, if there is a time limit
        # of its own
        else:
            connection.settimeout(None)
            microseconds = round(1e6 * self._patience_seconds)
            connection.setsockopt(
                socket.SOL_SOCKET,
                socket.SO_SNDTIMEO,
                TIMEVAL.pack(*divmod(microseconds, 1_000_000)),
            )
            self._watched = select.poll()
            self._watched.register(connection, select.POLLIN)
        # An answer is one short packet: Nagle's algorithm holds it back until the peer confirms the
        # one before, 40 ms later.
        with contextlib.suppress(OSError):  # it went already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(association, client_socket=connection)

    @property
    def has_more(self) -> bool:
        """Whether something was read that nobody has asked for yet."""
        return self._end > self._begin

    @property
    def ready(self) -> bool:
        """Whether there is something to read."""
        return self.has_more or super().ready

    @property
    def is_ahead(self) -> bool:
        """Whether the peer said something before it was answered; not what its TLS layer may have
        to say.
        """
        if isinstance(self.socket, ssl.SSLSocket):
            return self.has_more or self.socket.pending() > 0
        return self.ready

    def goes_on(self) -> bool:
        """Whether there is more, after what it can read without waiting. Raises
        ConnectionResetError if the connection ended.
        """
        if self.has_more or self._is_tls:
            return self.ready
        self._begin = self._end = 0
        return self._read()

    def pdu(self) -> memoryview | None:
        """The next PDU if it is a P-DATA-TF, valid until the next call; None if it is another one,
        which `recv` gives.

        Raises OSError (pynetdicom then closes the connection) if the PDU is too large or too slow,
        or the connection ended in it.
        """
        self._need(PDU_HEADER.size)
        kind, length = PDU_HEADER.unpack_from(self._buffer, self._begin)
        if kind != P_DATA_TF:
            return None
        self._hold_limit(length)
        self._need(PDU_HEADER.size + length)
        began = self._begin + PDU_HEADER.size
        self._begin = began + length
        return self._view[began : self._begin]

    def recv(self, nr_bytes: int) -> bytearray:
        """Called by upstream for each part of a PDU. Raises OSError as `pdu` does."""
        self._hold_limit(nr_bytes)
        with contextlib.suppress(ConnectionResetError):  # upstream looks at the length
            self._need(nr_bytes)
        received = self._buffer[self._begin : min(self._end, self._begin + nr_bytes)]
        self._begin += len(received)
        return received

    def _hold_limit(self, nr_bytes: int) -> None:
        if nr_bytes > self._limit_bytes:
            log.warning("pdu_too_large", announced_bytes=nr_bytes, limit_bytes=self._limit_bytes)
            raise OSError(f"a PDU of {nr_bytes} bytes is over the limit")

    def _need(self, nr_bytes: int) -> None:
        """See that so many bytes are in the buffer, in one piece. Raises OSError,
        ConnectionResetError if there are no more.
        """
        if not self.has_more:
            self._begin = self._end = 0
        elif self._begin + nr_bytes > len(self._buffer):
            rest = self._buffer[self._begin : self._end]
            self._begin, self._end = 0, len(rest)
            self._buffer[: self._end] = rest
        if self._end - self._begin >= nr_bytes:
            return
        if self.socket is None:
            raise ConnectionResetError("the connection is closed")
        deadline = time.monotonic() + self._patience_seconds
        while self._end - self._begin < nr_bytes:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("the PDU did not arrive in time")
            if self._is_tls:
                self._read_tls(left_seconds)
            elif not self._read():
                self._watched.poll(1000 * left_seconds)

    def _read(self) -> bool:
        """What is there, behind what is in the buffer; False if nothing is. Raises OSError."""
        assert self.socket is not None
        try:
            self._got(self.socket.recv_into(self._view[self._end :], 0, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False
        return True

    def _read_tls(self, patience_seconds: float) -> None:
        """As _read; it waits. Raises OSError."""
        assert self.socket is not None
        self.socket.settimeout(patience_seconds)
        self._got(self.socket.recv_into(self._view[self._end :]))
        self.socket.settimeout(self._patience_seconds)

    def _got(self, nr_bytes: int) -> None:
        if not nr_bytes:
            raise ConnectionResetError("the connection ended in a PDU")
        self._end += nr_bytes

    def _shutdown_socket(self) -> None:
        """The library's own does not close a socket whose shutdown fails because the peer went
        first.
        """
        connection = self.socket
        if connection is None:
            return
        with contextlib.suppress(OSError):
            # not the method of an SSL socket, which would pull the TLS layer away from under the
            # thread that reads
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        connection.close()


class BoundedDimse(DIMSEServiceProvider):
    """Joins P-DATA fragments to messages; what breaks the protocol or its limits aborts the
    association.

    An object is stored and answered here, in the thread that read it: upstream hands it over to
    another one, through a queue that is looked at once a millisecond, and gets the answer back in
    the same way. Its sender is silent meanwhile, as negotiated. All other messages go upstream's
    way.
    """

    def __init__(
        self,
        association: Association,
        arrivals: Arrivals,
        store: Callable[[CStoreEvent], StoreResponse],
    ) -> None:
        super().__init__(association)
        self._arrivals = arrivals
        self._store = store
        self._command = bytearray()
        self._object: CStoreEvent | None = None
        self._was_sent_ahead = False
        # The library serves each N-EVENT-REPORT in a thread of its own.
        self._reports = threading.Semaphore(MOST_REPORTS_AT_ONCE)

    def takes_p_data(self, transport: BoundedTransport) -> bool:
        """Called by the reactor when something is there: False if it is no P-DATA-TF."""
        try:
            pdu = transport.pdu()
            if pdu is None:
                return False
            self._take(pdu, transport)
            # What follows of an object is read without going back to the reactor, which asks the
            # kernel thrice for each PDU.
            while (
                self._object is not None
                and self._is_going_on()
                and transport.goes_on()
                and (pdu := transport.pdu())
            ):
                self._take(pdu, transport)
        except OSError:
            self.dul.event_queue.put("Evt17")  # "connection closed"
        except Overstepped as reason:
            self._break(str(reason))
        except Exception:  # noqa: BLE001 - a peer's bytes, and the library's parser on them: only this peer may notice
            self._break("message_not_understood")
        return True

    def _take(self, pdu: memoryview, transport: BoundedTransport) -> None:
        """Its fragments, one after the other (PS3.8 §9.3.5)."""
        offset = 0
        while offset < len(pdu):
            length, context_id, control = FRAGMENT_HEADER.unpack_from(pdu, offset)
            data = pdu[offset + FRAGMENT_HEADER.size : offset + 4 + length]
            if length < 2 or len(data) != length - 2:
                raise Overstepped("message_not_understood")
            offset += 4 + length
            is_command, is_last = control & 1, control & 2
            if is_command and self._object is None and self.message is None:
                self._take_command(context_id, data, is_last=bool(is_last))
            elif self._object is not None and not is_command:
                self._object.data_set.write(data)
                if is_last:
                    self._answer(transport)
            else:
                self._pass_on(context_id, control, data)

    def _take_command(self, context_id: int, data: memoryview, *, is_last: bool) -> None:
        # One operation at a time was negotiated (PS3.7 D.3.3.3): a peer that sends ahead would pile
        # up objects.
        if self._was_sent_ahead or self.msg_queue.qsize() >= MOST_MESSAGES_AHEAD:
            raise Overstepped("peer_sends_ahead")
        self._command += data
        if len(self._command) > LARGEST_COMMAND_BYTES:
            raise Overstepped("message_too_large")
        if not is_last:
            return
        command, self._command = bytes(self._command), bytearray()
        request = c_store_request(command)
        if request is None or not request.has_data_set:
            self.message = DIMSEMessage()
            self.message.data_set = Identifier(self._arrivals)
            self._pass_on(context_id, LAST_OF_A_COMMAND, command)
        else:
            context = self.assoc._accepted_cx[context_id].as_tuple
            data_set = IncomingObject(
                self._arrivals, request, context.transfer_syntax, self._is_going_on
            )
            self._object = CStoreEvent(
                assoc=self.assoc, context=context, request=request, data_set=data_set
            )

    def _pass_on(self, context_id: int, control: int, data: bytes | memoryview) -> None:
        """To upstream, as its own P-DATA primitive."""
        if self.message is None:
            raise Overstepped("message_not_understood")
        message, primitive = self.message, P_DATA()
        primitive.presentation_data_value_list.append((context_id, bytes([control]) + data))
        self.receive_primitive(primitive)
        is_report = isinstance(message, N_EVENT_REPORT_RQ) and self.message is None
        if is_report and not self._reports.acquire(blocking=False):
            raise Overstepped("peer_sends_ahead")

    def _answer(self, transport: BoundedTransport) -> None:
        """The object is whole: keep it, and say so."""
        event, self._object = self._object, None
        assert event is not None
        answer = self._store(event)
        if self._is_going_on():
            self._was_sent_ahead = transport.is_ahead
            transport.send(c_store_response(event.request, answer, event.context.context_id))

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Called by the service classes."""
        if (
            isinstance(primitive, N_EVENT_REPORT)
            and primitive.MessageIDBeingRespondedTo is not None
        ):
            self._reports.release()
        super().send_msg(primitive, context_id)

    def forget(self) -> None:
        """The association ended: drop what is not whole."""
        if self._object is not None:
            self._object.data_set.discard()

    def _is_going_on(self) -> bool:
        return not (self.assoc._kill or self.assoc.is_aborted)

    def _break(self, reason: str) -> None:
        log.warning("association_broken", reason=reason, calling_ae=self.assoc.requestor.ae_title)
        self.forget()
        self.message, self._object = None, None
        self.dul.event_queue.put(
            "Evt19"
        )  # "invalid PDU": the state machine sends A-ABORT and closes
