"""Accepts connections and keeps them until they have asked for an association: one thread for all
of them, and little memory.

A peer gets threads, and a place among the associations, only when its A-ASSOCIATE-RQ is complete.
Until then it is a socket and a few bytes: peers that stall, trickle or never finish the TLS
handshake cost nothing, and a flood of them closes only connections of its own.
"""

import selectors
import socket
import ssl
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from ich_node.network.acceptor.self_pipe import SelfPipe
from ich_node.network.rate_limit import RateLimit
from ich_node.network.tls import explained

A_ASSOCIATE_RQ = 0x01
PDU_HEADER_BYTES = 6
# An A-ASSOCIATE-RQ with its 128 presentation contexts, each with every transfer syntax there is,
# stays below this.
LARGEST_ASSOCIATE_PDU_BYTES = 131_072
# A-ABORT of the service provider for an unexpected PDU (PS3.8 table 9-26): what action AA-1 of its
# state machine sends.
ABORT = struct.pack(">BBLBBBB", 0x07, 0, 4, 0, 0, 2, 2)
# A-ASSOCIATE-RJ: permanent, service provider, no reason given.
REJECT_WITHOUT_REASON = struct.pack(">BBLBBBB", 0x03, 0, 4, 0, 1, 2, 1)
# pynetdicom waits with select(), which cannot take file descriptors above 1023.
MOST_PENDING = 256
MOST_ACCEPTED_AT_ONCE = 64
ACCEPT_RETRY_SECONDS = 0.05
TICK_SECONDS = 0.05
# A pynetdicom requestor takes a rejection that comes at once for a connection that failed, and does
# not report the reason.
REJECT_DELAY_SECONDS = 0.05
# Time that a rejected peer has to close the connection, as it should (PS3.8 Sta13).
CLOSE_SECONDS = 1.0
DISCARD_BYTES = 65_536  # read at once from a peer that was rejected
# Log lines about one address: with a line for each connection a flood would fill the log, too.
LINES_PER_MINUTE = 60
NOT_IN_TIME = "the association request, or the handshake, did not arrive in time"

log = structlog.get_logger(__name__)


class MalformedRequest(Exception):
    """The bytes received are not the beginning of an A-ASSOCIATE-RQ."""


@dataclass(eq=False, kw_only=True)
class PendingConnection:
    """A connection that has not asked for an association yet, or that was rejected.

    until: on the monotonic clock. request_complete: takes the connection over, with the
    A-ASSOCIATE-RQ, and returns nothing; or returns the PDU that rejects it. last_pdu: is sent
    before the connection is closed.
    """

    connection: socket.socket
    address: str
    until: float
    request_complete: Callable[[bytes], bytes]
    is_in_handshake: bool
    is_rejected: bool = False
    last_pdu: bytes = b""
    received: bytearray = field(default_factory=bytearray)

    def read(self) -> bool:
        """Read what has arrived; True when the request is complete.

        Raises MalformedRequest, and OSError also for "nothing more yet".
        """
        if self.is_in_handshake:
            assert isinstance(self.connection, ssl.SSLSocket)
            self.connection.do_handshake()
            self.is_in_handshake = False
        if self.is_rejected:
            if not self.connection.recv(DISCARD_BYTES):
                raise ConnectionResetError
            return False
        while missing := self._missing_bytes():
            chunk = self.connection.recv(missing)
            if not chunk:
                raise ConnectionResetError
            self.received += chunk
        return True

    def _missing_bytes(self) -> int:
        """Of the request; the rest of the PDU header while its length is unknown."""
        if self.received and self.received[0] != A_ASSOCIATE_RQ:
            raise MalformedRequest("not an A-ASSOCIATE-RQ")
        if len(self.received) < PDU_HEADER_BYTES:
            return PDU_HEADER_BYTES - len(self.received)
        announced_bytes: int = struct.unpack_from(">L", self.received, 2)[0]
        if announced_bytes > LARGEST_ASSOCIATE_PDU_BYTES:
            raise MalformedRequest(
                f"an A-ASSOCIATE-RQ of {announced_bytes} bytes is over the limit"
            )
        return PDU_HEADER_BYTES + announced_bytes - len(self.received)


@dataclass(frozen=True, eq=False, kw_only=True)
class ListeningSocket:
    """A socket that listens, and what to do with each connection and its address."""

    endpoint: socket.socket
    accepted: Callable[[socket.socket, Any], None]


class WaitingRoom:
    """The thread that accepts connections and reads their association requests.

    request_seconds: for TLS handshake and request together.
    """

    def __init__(self, *, request_seconds: float, clock: Callable[[], datetime]) -> None:
        self._request_seconds = request_seconds
        self._clock = clock
        self._lines = RateLimit()
        self._selector = selectors.DefaultSelector()
        self._new_listening: deque[ListeningSocket] = deque()
        self._new_pending: deque[PendingConnection] = deque()
        self._is_closed = False
        self._self_pipe = SelfPipe()
        self._selector.register(self._self_pipe.receiver, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="waiting room", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def listen(self, listening: ListeningSocket) -> None:
        """Accept connections of this socket. From any thread."""
        listening.endpoint.setblocking(False)
        self._new_listening.append(listening)
        self._self_pipe.wake()

    def enter(
        self, connection: socket.socket, address: str, request_complete: Callable[[bytes], bytes]
    ) -> None:
        """Wait for the request of this connection, which is then closed or taken over. From any
        thread.
        """
        connection.setblocking(False)
        pending = PendingConnection(
            connection=connection,
            address=address,
            until=time.monotonic() + self._request_seconds,
            request_complete=request_complete,
            is_in_handshake=isinstance(connection, ssl.SSLSocket),
        )
        self._new_pending.append(pending)
        self._self_pipe.wake()

    def close(self) -> None:
        """Connections that have not asked for an association are closed at once."""
        self._is_closed = True
        self._self_pipe.wake()
        if self._thread.is_alive():
            self._thread.join()
        for pending in [*self._pending(), *self._new_pending]:
            pending.connection.close()
        self._selector.close()
        self._self_pipe.close()

    def _serve(self) -> None:
        while not self._is_closed:
            # without pending connections no deadline can pass
            for key, _ in self._selector.select(TICK_SECONDS if self._pending() else None):
                if key.data is None:
                    self._self_pipe.drain()
                elif isinstance(key.data, ListeningSocket):
                    self._accept(key.data)
                else:
                    self._read(key.data)
            while self._new_listening:
                listening = self._new_listening.popleft()
                self._selector.register(listening.endpoint, selectors.EVENT_READ, listening)
            while self._new_pending:
                self._add(self._new_pending.popleft())
            now = time.monotonic()
            for pending in self._pending():
                if pending.until < now:
                    self._deadline_passed(pending)

    def _accept(self, listening: ListeningSocket) -> None:
        """Faster than a burst of connections fills the backlog: a peer that finds it full tries
        again only after one to three seconds.
        """
        for _ in range(MOST_ACCEPTED_AT_ONCE):
            try:
                connection, address = listening.endpoint.accept()
            except BlockingIOError:
                return
            # The peer has gone already, or no file descriptor is free: then the others stay in the
            # backlog.
            except OSError as error:
                log.error("connection_not_accepted", detail=error.strerror)
                time.sleep(ACCEPT_RETRY_SECONDS)
                return
            listening.accepted(connection, address)

    def _add(self, pending: PendingConnection) -> None:
        self._selector.register(pending.connection, selectors.EVENT_READ, pending)
        everyone = self._pending()
        if len(everyone) > MOST_PENDING:
            # The oldest connection of the address that has the most: a peer that wants an
            # association asks for it at once.
            address = Counter(other.address for other in everyone).most_common(1)[0][0]
            oldest = next(other for other in everyone if other.address == address)
            self._drop(
                oldest,
                f"{MOST_PENDING} connections have not asked for an association,"
                " most of them from here",
            )
        if pending.connection.fileno() >= 0:
            self._read(pending)

    def _read(self, pending: PendingConnection) -> None:
        try:
            is_complete = pending.read()
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except ssl.SSLWantWriteError:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(pending.connection, events, pending)
            return
        except MalformedRequest as malformed:
            self._log(pending, str(malformed))
            self._reject(pending, ABORT)
            return
        except OSError as error:
            if pending.is_in_handshake:
                self._drop(pending, explained(error))
            else:  # the peer closed it, as a port scan or a load balancer does
                self._close(pending)
            return
        if is_complete:
            self._selector.unregister(pending.connection)
            self._admit(pending)

    def _admit(self, pending: PendingConnection) -> None:
        try:
            rejection = pending.request_complete(bytes(pending.received))
        except Exception:  # a bug of ours: this peer is rejected, all others still wait here
            log.exception("connection_refused", address=pending.address)
            rejection = REJECT_WITHOUT_REASON
        if rejection:
            self._selector.register(pending.connection, selectors.EVENT_READ, pending)
            self._reject(pending, rejection)

    def _reject(self, pending: PendingConnection, last_pdu: bytes) -> None:
        pending.is_rejected = True
        pending.last_pdu = last_pdu
        pending.until = time.monotonic() + REJECT_DELAY_SECONDS

    def _deadline_passed(self, pending: PendingConnection) -> None:
        if pending.last_pdu:
            with suppress(OSError):
                pending.connection.send(pending.last_pdu)
            pending.last_pdu, pending.until = b"", time.monotonic() + CLOSE_SECONDS
        elif pending.is_rejected:
            self._close(pending)
        else:
            self._drop(pending, NOT_IN_TIME)

    def _drop(self, pending: PendingConnection, detail: str) -> None:
        self._log(pending, detail)
        self._close(pending)

    def _log(self, pending: PendingConnection, detail: str) -> None:
        if self._lines.allow(pending.address, per_minute=LINES_PER_MINUTE, now=self._clock()):
            event = "tls_handshake_failed" if pending.is_in_handshake else "connection_refused"
            log.warning(event, address=pending.address, detail=detail)

    def _close(self, pending: PendingConnection) -> None:
        self._selector.unregister(pending.connection)
        pending.connection.close()

    def _pending(self) -> list[PendingConnection]:
        """The oldest first."""
        registered = self._selector.get_map().values()
        return [key.data for key in registered if isinstance(key.data, PendingConnection)]
