"""Limits that pynetdicom 3.0 lacks: a deadline and a size for each PDU, a size for each message, a number of silent connections.

Without them ten idle sockets shut the node, and a PDU header of six bytes makes it allocate 4 GiB.
"""

import contextlib
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.events import Event
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine
from pynetdicom.pdu_primitives import P_DATA

from ich_node.config import ScpSettings

# An A-ASSOCIATE-RQ with its 128 presentation contexts, each with every transfer syntax there is, stays below this.
LARGEST_ASSOCIATE_PDU_BYTES = 131_072
LARGEST_COMMAND_BYTES = 65_536
# An object over the limit is read to its end, so that its sender can be told; a stream of this many times the limit is not.
MOST_DISCARDED = 4
MOST_MESSAGES_AHEAD = 1
# Connections that have not yet asked for an association. The oldest goes first: a peer that means it asks at once.
MOST_SILENT_CONNECTIONS = 64

log = structlog.get_logger(__name__)


class Guard:
    """Puts the limits on each new connection."""

    def __init__(self, scp: ScpSettings) -> None:
        self._scp = scp
        self._silent: OrderedDict[Association | socket.socket, socket.socket] = OrderedDict()
        self._lock = threading.Lock()

    def on_connection(self, event: Event) -> None:
        """EVT_CONN_OPEN, before the association's threads start."""
        association = event.assoc
        association.dimse = BoundedDimse(association, self._scp.max_object_bytes)
        association.dul.state_machine = EndingStateMachine(association.dul)
        transport = association.dul.socket
        assert transport is not None
        connection = transport.socket
        if connection is None:
            return  # closed already
        # sendall to a peer that stopped reading must end, too.
        connection.settimeout(self._scp.dimse_timeout_seconds)
        setattr(transport, "recv", BoundedReceive(association, connection, self._scp))  # noqa: B010 - a method is replaced
        # The library's own does not close a socket whose shutdown fails because the peer went first.
        setattr(transport, "_shutdown_socket", partial(_close, connection))  # noqa: B010
        self._is_silent(association, connection)

    @contextlib.contextmanager
    def handshake(self, connection: socket.socket) -> Iterator[None]:
        """A TLS peer that has not yet shown its certificate is as silent as any."""
        self._is_silent(connection, connection)
        try:
            yield
        finally:
            self.on_request(connection)

    def _is_silent(self, who: Association | socket.socket, connection: socket.socket) -> None:
        with self._lock:
            self._silent[who] = connection
            oldest = self._silent.popitem(last=False) if len(self._silent) > MOST_SILENT_CONNECTIONS else None
        if oldest is not None:
            _shut(oldest[1])

    def on_request(self, who: Association | socket.socket) -> None:
        """The connection is not silent any more."""
        with self._lock:
            self._silent.pop(who, None)

    def on_close(self, event: Event) -> None:
        """EVT_CONN_CLOSE: a connection that closes before it asked leaves a thread behind, waiting for the request."""
        self.on_request(event.assoc)
        if event.assoc.requestor.primitive is None:
            event.assoc.dul.to_user_queue.put(None)  # what the thread gets when the time is over

    def shut_silent(self) -> None:
        """At the end: nobody waits for those who never asked."""
        with self._lock:
            silent = list(self._silent.values())
        for connection in silent:
            _shut(connection)


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
        self.dul.assoc.is_aborted = True
        self.dul.assoc.is_established = False
        self.dul.assoc.kill()
        self.dul.kill_dul()


class BoundedReceive:
    """Reads part of a PDU from the socket: no more than announced in negotiation, no later than the deadline."""

    def __init__(self, association: Association, connection: socket.socket, scp: ScpSettings) -> None:
        self._association = association
        self._connection = connection
        self._scp = scp

    def __call__(self, nr_bytes: int) -> bytearray:
        """Raises OSError (pynetdicom then closes the connection) if the PDU is too large or too slow."""
        established = self._association.is_established
        limit_bytes = max(self._scp.max_pdu_bytes, LARGEST_ASSOCIATE_PDU_BYTES)
        if nr_bytes > limit_bytes:
            log.warning("pdu_too_large", announced_bytes=nr_bytes, limit_bytes=limit_bytes)
            raise OSError(f"a PDU of {nr_bytes} bytes is over the limit")
        deadline = time.monotonic() + (self._scp.dimse_timeout_seconds if established else self._scp.acse_timeout_seconds)
        received = bytearray()
        while len(received) < nr_bytes:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("the PDU did not arrive in time")
            self._connection.settimeout(left_seconds)
            chunk = self._connection.recv(min(65_536, nr_bytes - len(received)))
            if not chunk:
                break
            received += chunk
        self._connection.settimeout(self._scp.dimse_timeout_seconds)
        return received


class BoundedDimse(DIMSEServiceProvider):
    """Joins P-DATA fragments to messages, and keeps no more of a data set than max_object_bytes and one fragment.

    What comes after is read and dropped, so that the handler sees a data set over the limit and can say so to its sender.
    """

    def __init__(self, association: Association, max_object_bytes: int) -> None:
        super().__init__(association)
        self._limit_bytes = max_object_bytes
        self._data_set_bytes = 0

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Called by the state machine for each P-DATA-TF; what breaks the protocol or its limits aborts the association."""
        kept = self._within_limits(primitive)
        if kept is None:
            self._break("message_too_large")
            return
        try:
            super().receive_primitive(kept)
        except Exception:  # noqa: BLE001 - the library's parser on a peer's bytes: whatever breaks, only this peer may notice
            self._break("message_not_understood")
            return
        if self.message is None:
            self._data_set_bytes = 0
        # One operation at a time was negotiated (PS3.7 D.3.3.3): a peer that sends ahead would pile objects up in memory.
        if self.msg_queue.qsize() > MOST_MESSAGES_AHEAD:
            self._break("peer_sends_ahead")

    def _within_limits(self, primitive: P_DATA) -> P_DATA | None:
        """The primitive without what is over the limit of a data set; None if this message must not go on."""
        command_bytes = self.message.encoded_command_set.tell() if self.message else 0
        kept = P_DATA()
        for context_id, data in primitive.presentation_data_value_list:
            is_command = bool(data[:1]) and bool(data[0] & 1)
            command_bytes += len(data) if is_command else 0
            drop = not is_command and self._data_set_bytes > self._limit_bytes
            self._data_set_bytes += 0 if is_command else len(data)
            kept.presentation_data_value_list.append((context_id, data[:1] if drop else data))
        too_much = command_bytes > LARGEST_COMMAND_BYTES or self._data_set_bytes > MOST_DISCARDED * self._limit_bytes
        return None if too_much else kept

    def _break(self, reason: str) -> None:
        log.warning("association_broken", reason=reason, calling_ae=self.assoc.requestor.ae_title)
        self.message = None
        self._data_set_bytes = 0
        self.dul.event_queue.put("Evt19")  # "invalid PDU": the state machine sends A-ABORT and closes


def _close(connection: socket.socket) -> None:
    _shut(connection)
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # not the method of an SSL socket, which would pull the TLS layer away from under the thread that reads
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
