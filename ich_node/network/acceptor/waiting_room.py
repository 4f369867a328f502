"""Accepts connections, and lets each wait until it has asked for an association: one thread for all
of them, and little room.

A peer gets threads, and a place among the associations, only when its whole A-ASSOCIATE-RQ is here.
Until then it is a socket and a few bytes: peers that stall, trickle or never shake hands cost
nothing, and a flood of them pushes out only itself.
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

from ich_node.network.tls import explained
from ich_node.processes.siblings import Siblings
from ich_node.receive.rate_limit import Rates

A_ASSOCIATE_RQ = 0x01
PDU_HEADER_BYTES = 6
# An A-ASSOCIATE-RQ with its 128 presentation contexts, each with every transfer syntax there is,
# stays below this.
LARGEST_ASSOCIATE_PDU_BYTES = 131_072
# A-ABORT of the service provider for an unexpected PDU (PS3.8 table 9-26): what AA-1 of its state
# machine sends.
ABORT = struct.pack(">BBLBBBB", 0x07, 0, 4, 0, 0, 2, 2)
# pynetdicom waits by select(), which knows no file descriptor above 1023.
MOST_VISITORS = 256
# A-ASSOCIATE-RJ: permanent, service provider, no reason given.
UNEXPLAINED = struct.pack(">BBLBBBB", 0x03, 0, 4, 0, 1, 2, 1)
MOST_ACCEPTED_AT_ONCE = 64
NOT_ACCEPTED_SECONDS = 0.05
# So long a connection is left to a sibling that has less to do: what such a one needs to wake up.
SIBLINGS_SECONDS = 0.005
TICK_SECONDS = 0.05
# pynetdicom as a requestor takes a rejection that comes at once for a connection that failed, and
# never says why.
FAREWELL_SECONDS = 0.05
# So long a peer that was turned away may take to hang up, as it should (PS3.8 Sta13).
LEAVING_SECONDS = 1.0
DROPPED_BYTES = 65_536  # at once, of what such a peer says
# In the log, of one address: a line for each connection of a flood would be a second one.
LINES_PER_MINUTE = 60

log = structlog.get_logger(__name__)


class Nonsense(Exception):
    """What was said is not the beginning of an A-ASSOCIATE-RQ."""


@dataclass(eq=False, kw_only=True)
class Visitor:
    """A connection that has not asked yet. until: on the monotonic clock.

    go_in: takes the connection over, with the request's bytes, and gives none back; or else the PDU
    that turns it away.
    """

    connection: socket.socket
    address: str
    until: float
    go_in: Callable[[bytes], bytes]
    shakes_hands: bool
    is_leaving: bool = False
    farewell: bytes = b""
    said: bytearray = field(default_factory=bytearray)

    def advance(self) -> bool:
        """Read what is there; True when the request is whole. Raises Nonsense, OSError (also for
        "nothing more yet").
        """
        if self.shakes_hands:
            assert isinstance(self.connection, ssl.SSLSocket)
            self.connection.do_handshake()
            self.shakes_hands = False
        if self.is_leaving:
            if not self.connection.recv(DROPPED_BYTES):
                raise ConnectionResetError
            return False
        while missing := self._missing_bytes():
            chunk = self.connection.recv(missing)
            if not chunk:
                raise ConnectionResetError
            self.said += chunk
        return True

    def _missing_bytes(self) -> int:
        """Of the request; at least one while its length is unknown."""
        if self.said and self.said[0] != A_ASSOCIATE_RQ:
            raise Nonsense("not an A-ASSOCIATE-RQ")
        if len(self.said) < PDU_HEADER_BYTES:
            return PDU_HEADER_BYTES - len(self.said)
        announced_bytes: int = struct.unpack_from(">L", self.said, 2)[0]
        if announced_bytes > LARGEST_ASSOCIATE_PDU_BYTES:
            raise Nonsense(f"an A-ASSOCIATE-RQ of {announced_bytes} bytes is over the limit")
        return PDU_HEADER_BYTES + announced_bytes - len(self.said)


@dataclass(frozen=True, eq=False, kw_only=True)
class Door:
    """A listening socket, what to do with a connection from that address, and how many there are
    already.
    """

    listening: socket.socket
    accepted: Callable[[socket.socket, Any], None]
    connections: Callable[[], int]


class WaitingRoom:
    """The thread that listens to all of them. seconds: for handshake and request together.
    siblings: who listens, too.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], datetime], siblings: Siblings | None = None
    ) -> None:
        self._siblings = siblings
        self._seconds = seconds
        self._clock = clock
        self._lines = Rates()
        self._selector = selectors.DefaultSelector()
        self._doors: deque[Door] = deque()
        self._new: deque[Visitor] = deque()
        self._is_closed = False
        self._bell, self._listener = socket.socketpair()
        for end in (self._bell, self._listener):
            end.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="vestibule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def open(self, door: Door) -> None:
        """Accept its connections. From any thread."""
        door.listening.setblocking(False)
        self._doors.append(door)
        self._ring()

    def enter(
        self, connection: socket.socket, address: str, go_in: Callable[[bytes], bytes]
    ) -> None:
        """From any thread. The connection is closed, or taken over by go_in."""
        connection.setblocking(False)
        shakes_hands = isinstance(connection, ssl.SSLSocket)
        until = time.monotonic() + self._seconds
        self._new.append(
            Visitor(
                connection=connection,
                address=address,
                until=until,
                go_in=go_in,
                shakes_hands=shakes_hands,
            )
        )
        self._ring()

    def close(self) -> None:
        """Nobody waits for those who never asked."""
        self._is_closed = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join()
        for visitor in [*self._visitors(), *self._new]:
            visitor.connection.close()
        self._selector.close()
        for end in (self._bell, self._listener):
            end.close()

    def _serve(self) -> None:
        while not self._is_closed:
            # without visitors nobody's time runs out
            for key, _ in self._selector.select(TICK_SECONDS if self._visitors() else None):
                if key.data is None:
                    self._listener.recv(4096)
                elif isinstance(key.data, Door):
                    self._answer(key.data)
                else:
                    self._hear(key.data)
            while self._doors:
                door = self._doors.popleft()
                self._selector.register(door.listening, selectors.EVENT_READ, door)
            while self._new:
                self._welcome(self._new.popleft())
            now = time.monotonic()
            for visitor in self._visitors():
                if visitor.until < now:
                    self._time_is_over(visitor)

    def _answer(self, door: Door) -> None:
        """Faster than a burst of connections fills the backlog: who finds that full tries again in
        a second or three.
        """
        for _ in range(MOST_ACCEPTED_AT_ONCE):
            if self._siblings and self._siblings.have_fewer(
                door.connections() + len(self._new) + len(self._visitors())
            ):
                time.sleep(SIBLINGS_SECONDS)
            try:
                connection, address = door.listening.accept()
            except BlockingIOError:
                return
            # it went already, or there are no descriptors left: the backlog keeps the others
            except OSError as error:
                log.error("connection_not_accepted", detail=error.strerror)
                time.sleep(NOT_ACCEPTED_SECONDS)
                return
            door.accepted(connection, address)

    def _welcome(self, visitor: Visitor) -> None:
        self._selector.register(visitor.connection, selectors.EVENT_READ, visitor)
        visitors = self._visitors()
        if len(visitors) > MOST_VISITORS:
            # of the address that has the most, the oldest: a peer that means it asks at once
            crowd = Counter(other.address for other in visitors).most_common(1)[0][0]
            oldest = next(other for other in visitors if other.address == crowd)
            self._turn_away(
                oldest,
                f"{MOST_VISITORS} connections have not asked for an association, most of them from here",
            )
        if visitor.connection.fileno() >= 0:
            self._hear(visitor)

    def _hear(self, visitor: Visitor) -> None:
        try:
            is_whole = visitor.advance()
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except ssl.SSLWantWriteError:
            self._selector.modify(
                visitor.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, visitor
            )
            return
        except Nonsense as nonsense:
            self._tell(visitor, str(nonsense))
            self._see_off(visitor, ABORT)
            return
        except OSError as error:
            if visitor.shakes_hands:
                self._turn_away(visitor, explained(error))
            else:  # it went by itself, as a port scan or a load balancer does
                self._show_out(visitor)
            return
        if is_whole:
            self._selector.unregister(visitor.connection)
            self._let_in(visitor)

    def _let_in(self, visitor: Visitor) -> None:
        try:
            refusal = visitor.go_in(bytes(visitor.said))
        except Exception:  # a bug of ours: this peer does not get in, all others still wait here
            log.exception("connection_refused", address=visitor.address)
            refusal = UNEXPLAINED
        if refusal:
            self._selector.register(visitor.connection, selectors.EVENT_READ, visitor)
            self._see_off(visitor, refusal)

    def _see_off(self, visitor: Visitor, farewell: bytes) -> None:
        visitor.is_leaving, visitor.farewell, visitor.until = (
            True,
            farewell,
            time.monotonic() + FAREWELL_SECONDS,
        )

    def _time_is_over(self, visitor: Visitor) -> None:
        if visitor.farewell:
            with suppress(OSError):
                visitor.connection.send(visitor.farewell)
            visitor.farewell, visitor.until = b"", time.monotonic() + LEAVING_SECONDS
        elif visitor.is_leaving:
            self._show_out(visitor)
        else:
            self._turn_away(
                visitor, "the association request, or the handshake, did not arrive in time"
            )

    def _turn_away(self, visitor: Visitor, detail: str) -> None:
        self._tell(visitor, detail)
        self._show_out(visitor)

    def _tell(self, visitor: Visitor, detail: str) -> None:
        if self._lines.allow(visitor.address, per_minute=LINES_PER_MINUTE, now=self._clock()):
            what = "tls_handshake_failed" if visitor.shakes_hands else "connection_refused"
            log.warning(what, address=visitor.address, detail=detail)

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            self._bell.send(b"!")

    def _show_out(self, visitor: Visitor) -> None:
        self._selector.unregister(visitor.connection)
        visitor.connection.close()

    def _visitors(self) -> list[Visitor]:
        """The oldest first."""
        return [
            key.data for key in self._selector.get_map().values() if isinstance(key.data, Visitor)
        ]
