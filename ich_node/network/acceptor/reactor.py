"""The two threads of an association, which wait where those of pynetdicom look around a thousand
times a second.

Its network thread sleeps 1 ms whenever nothing is there, and so does the one that answers; each
round takes the interpreter from whoever works, and an object goes through four of them. Here the
network thread waits for the socket and is woken by who has something to send; the other waits until
it is handed something.
"""

import contextlib
import queue
import select
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider

if TYPE_CHECKING:
    from ich_node.network.acceptor.guard import BoundedTransport

# How late timers may be. Nothing else waits for it.
TICK_SECONDS = 0.25
ESTABLISHED, CLOSING, CLOSED = "Sta6", "Sta13", "Sta1"  # PS3.8 table 9-1


class Bell:
    """Wakes the one thread that waits for a socket."""

    def __init__(self) -> None:
        self._ear, self._rope = socket.socketpair()
        for end in (self._ear, self._rope):
            end.setblocking(False)

    def ring(self) -> None:
        """From any thread; after `close`, too."""
        with contextlib.suppress(OSError):  # it rings already, or nobody is there any more
            self._rope.send(b"!")

    def wait(self, connection: socket.socket | None) -> None:
        """Until it rings, the connection has something to read, or a tick is over."""
        watched = select.poll()
        watched.register(self._ear, select.POLLIN)
        if connection is not None and connection.fileno() >= 0:
            watched.register(connection, select.POLLIN)
        watched.poll(TICK_SECONDS * 1000)
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(64)

    def close(self) -> None:
        self._rope.close()
        self._ear.close()


class RingingQueue(queue.Queue[Any]):
    """Calls somebody when there is something in it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._ring()


class Checkpoint(threading.Event):
    """Where upstream's association thread comes by in each round, and is held while others use the
    association.
    """

    def __init__(self) -> None:
        super().__init__()
        self._something = threading.Event()
        self.set()

    def ring(self) -> None:
        self._something.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Until there is something to do, or a tick is over; then as an Event waits."""
        self._something.wait(TICK_SECONDS)
        self._something.clear()
        return super().wait(timeout)


class Reactor(DULServiceProvider):
    """The network thread. To be put in place of upstream's before the association starts."""

    socket: "BoundedTransport | None"

    def __init__(self, association: Association, takes_p_data: Callable[[Any], bool]) -> None:
        """takes_p_data: reads the next PDU of the transport and deals with it, if it is a
        P-DATA-TF; else it says False.
        """
        self._bell = Bell()
        self._takes_p_data = takes_p_data
        super().__init__(association)
        self._checkpoint = association._reactor_checkpoint = Checkpoint()
        self.to_user_queue = RingingQueue(self._checkpoint.ring)
        self.to_provider_queue = RingingQueue(self._bell.ring)
        association.dimse.msg_queue = RingingQueue(self._checkpoint.ring)

    @property
    def _kill_thread(self) -> bool:
        return self._is_killed

    @_kill_thread.setter
    def _kill_thread(self, is_killed: bool) -> None:
        """Upstream sets it from wherever the association is ended, and waits for this thread."""
        self._is_killed = is_killed
        self._bell.ring()

    def run_reactor(self) -> None:
        """In place of upstream's: one event after the other, each as soon as it is there."""
        self._idle_timer.start()
        self.assoc._dul_ready.set()
        try:
            while not self._is_killed:
                if self.artim_timer.expired:
                    self.event_queue.put("Evt18")
                if self.event_queue.empty() and not self._process_recv_primitive():
                    self._hear()
                with contextlib.suppress(queue.Empty):
                    self.state_machine.do_action(self.event_queue.get(block=False))
        finally:
            self._bell.close()
            self._checkpoint.ring()

    def _hear(self) -> None:
        """What the peer says, once it says something."""
        transport = self.socket
        if self.state_machine.current_state != CLOSING and not (
            transport is not None and transport.has_more
        ):
            self._bell.wait(None if transport is None else transport.socket)
        if self._is_transport_event():
            self._idle_timer.restart()

    def _read_pdu_data(self) -> None:
        """P-DATA of an established association goes on as it lies in the buffer; all other PDUs are
        upstream's to read.

        Upstream copies each eight times, on its way through two queues and four objects.
        """
        if self.state_machine.current_state != ESTABLISHED or not self._takes_p_data(self.socket):
            super()._read_pdu_data()
