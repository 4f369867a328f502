"""The door for TLS: each peer shakes hands in a thread of its own.

Upstream shakes hands in the accept loop, where one silent peer stops everybody.
"""

import contextlib
import socket
from typing import Any

import structlog
from pynetdicom.transport import ThreadedAssociationServer

from ich_node.receive.guard import Guard
from ich_node.tls import explained

log = structlog.get_logger(__name__)


class TlsServer(ThreadedAssociationServer):
    """guard and handshake_seconds must be set before it serves; a new ssl_context holds from the next connection on."""

    daemon_threads = True
    guard: Guard
    handshake_seconds: float

    def get_request(self) -> tuple[socket.socket, Any]:
        """The bare connection."""
        assert self.socket is not None
        return self.socket.accept()

    def process_request_thread(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Handshake, within its time, then the association."""
        assert self.ssl_context is not None
        assert isinstance(request, socket.socket)
        request.settimeout(self.handshake_seconds)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(request.close)
            try:
                connection = self.ssl_context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                on_failure.callback(connection.close)
                with self.guard.handshake(connection):
                    connection.do_handshake()
            except OSError as error:
                log.warning("tls_handshake_failed", address=client_address[0], detail=explained(error))
                return
            on_failure.pop_all()
        super().process_request_thread(connection, client_address)
