"""The two threads of an association, which wait for events where pynetdicom polls.

Upstream's network thread sleeps 1 ms whenever nothing has arrived, and so does the thread that
serves the messages. Each turn takes the interpreter lock from a thread that works, and an object
needs four of them. Here the network thread waits for the socket and is woken when there is
something to send; the other thread waits until something is put into one of its queues.
"""

import queue
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from typing_extensions import override

from ich_node.network.acceptor.messages import BoundedDimse
from ich_node.network.acceptor.self_pipe import SelfPipe
from ich_node.network.acceptor.state_machine import (
    ARTIM_EXPIRED,
    AWAITING_CLOSE,
    ESTABLISHED,
    TolerantStateMachine,
)
from ich_node.network.acceptor.transport import BoundedTransport

# How late a timer may be noticed. Nothing else waits for this time.
TICK_SECONDS = 0.25


class NotifyingQueue(queue.Queue[Any]):
    """Calls `notify` after each item that is put into it."""

    def __init__(self, notify: Callable[[], None]) -> None:
        super().__init__()
        self._notify = notify

    @override
    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._notify()


class WaitingCheckpoint(threading.Event):
    """Upstream's association thread passes it in each turn, and is held here while another thread
    uses the association.
    """

    def __init__(self) -> None:
        super().__init__()
        self._has_work = threading.Event()
        self.set()

    def notify(self) -> None:
        """From any thread: there is something for the association's thread to do."""
        self._has_work.set()

    @override
    def wait(self, timeout: float | None = None) -> bool:
        """Until there is something to do, or a tick is over; then until the checkpoint is open."""
        self._has_work.wait(TICK_SECONDS)
        self._has_work.clear()
        return super().wait(timeout)


class Reactor(DULServiceProvider):
    """The network thread. Put in the place of upstream's before the association starts."""

    socket: BoundedTransport | None

    def __init__(self, association: Association, *, dimse: BoundedDimse) -> None:
        self._self_pipe = SelfPipe()
        self._dimse = dimse
        super().__init__(association)
        self._checkpoint = association._reactor_checkpoint = WaitingCheckpoint()
        self.state_machine = TolerantStateMachine(self)
        self.to_user_queue = NotifyingQueue(self._checkpoint.notify)
        self.to_provider_queue = NotifyingQueue(self._self_pipe.wake)
        dimse.msg_queue = NotifyingQueue(self._checkpoint.notify)

    @override
    def kill_dul(self) -> None:
        """Called by the state machine's actions that end the association, from any thread."""
        super().kill_dul()
        self._self_pipe.wake()

    @override
    def run_reactor(self) -> None:
        """Process one event after the other, each as soon as it is there."""
        self._idle_timer.start()
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                if self.artim_timer.expired:
                    self.event_queue.put(ARTIM_EXPIRED)
                if self.event_queue.empty() and not self._process_recv_primitive():
                    self._receive()
                with suppress(queue.Empty):
                    self.state_machine.do_action(self.event_queue.get(block=False))
        finally:
            self._dimse.close()
            self._self_pipe.close()
            self._checkpoint.notify()

    def _receive(self) -> None:
        """Wait for the peer, or until this thread is woken or a tick is over; then read."""
        transport = self.socket
        has_buffered = transport is not None and transport.has_buffered
        if self.state_machine.current_state != AWAITING_CLOSE and not has_buffered:
            self._wait(transport)
        if self._is_transport_event():
            self._idle_timer.restart()

    def _wait(self, transport: BoundedTransport | None) -> None:
        poll = select.poll()
        poll.register(self._self_pipe.receiver, select.POLLIN)
        connection = None if transport is None else transport.socket
        if connection is not None and connection.fileno() >= 0:
            poll.register(connection, select.POLLIN)
        poll.poll(TICK_SECONDS * 1000)
        self._self_pipe.drain()

    @override
    def _read_pdu_data(self) -> None:
        """Upstream reads all PDUs but P-DATA on an established association.

        Upstream copies each P-DATA eight times, on its way through two queues and four objects.
        """
        transport = self.socket
        is_established = self.state_machine.current_state == ESTABLISHED
        if not (is_established and transport and self._dimse.receive_p_data(transport)):
            super()._read_pdu_data()
