"""The sockets that listen, plain and TLS: each connection goes through the vestibule before it
becomes an association.
"""

import contextlib
import socket
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from ich_node.network.acceptor.guard import Guard
from ich_node.network.acceptor.waiting_room import WaitingRoom
from ich_node.network.tls import explained

log = structlog.get_logger(__name__)


class Handler(RequestHandler):
    """Puts the guard's limits on an association before its threads start."""

    server: "Server"

    def _create_association(self) -> Association:
        association = super()._create_association()
        self.server.guard.watch(association, self.server.said_by(self.request))
        return association


class Server(ThreadedAssociationServer):
    """guard, vestibule and turn_away must be set before it serves.

    inherited: a socket that listens already, for other processes, too. turn_away: of the request's
    bytes, the address and the connection the PDU that refuses it, or nothing.
    """

    daemon_threads = True
    guard: Guard
    vestibule: WaitingRoom
    turn_away: Callable[[bytes, str, socket.socket], bytes]

    def __init__(self, *arguments: Any, inherited: int | None = None, **options: Any) -> None:
        self._said: dict[socket.socket, bytes] = {}
        self._inherited = inherited
        super().__init__(*arguments, **{**options, "request_handler": Handler})

    @property
    def connections(self) -> int:
        """That have asked for an association and not ended yet."""
        return len(self._said) + len(self.active_associations)

    def server_bind(self) -> None:
        if self._inherited is None:
            super().server_bind()
        else:
            self.socket = socket.socket(fileno=self._inherited)
            self.server_address = self.socket.getsockname()

    def server_close(self) -> None:
        if self._inherited is None:
            super().server_close()
        elif self.socket is not None:  # no shutdown, which would be one for all processes
            self.socket.close()

    def accepted(self, connection: socket.socket, client_address: Any) -> None:
        """Called by the vestibule for each new connection, in place of upstream's serve_forever.

        That accepts one at a time, collects garbage between them, and shakes TLS hands where one
        silent peer stops everybody.
        """

        def go_in(said: bytes) -> bytes:
            refusal = self.turn_away(said, client_address[0], connection)
            if not refusal:
                connection.setblocking(True)
                self._said[connection] = said
                ThreadingMixIn.process_request(self, connection, client_address)
            return refusal

        self.vestibule.enter(connection, client_address[0], go_in)

    def said_by(self, connection: Any) -> bytes:
        """What was read of a connection in the vestibule."""
        return self._said.pop(connection)


class TlsServer(Server):
    """A new ssl_context holds from the next connection on."""

    def accepted(self, connection: socket.socket, client_address: Any) -> None:
        """With its handshake still to come."""
        assert self.ssl_context is not None
        connection.setblocking(False)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(connection.close)
            try:
                secure = self.ssl_context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            except OSError as error:
                log.warning(
                    "tls_handshake_failed", address=client_address[0], detail=explained(error)
                )
                return
            on_failure.pop_all()
        super().accepted(secure, client_address)
