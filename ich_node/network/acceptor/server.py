"""The sockets that listen, plain and TLS. Each connection waits in the waiting room until its
A-ASSOCIATE-RQ has arrived and is admitted. Only then it becomes an association.
"""

import contextlib
import socket
from socketserver import ThreadingMixIn
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer
from typing_extensions import override

from ich_node.config.settings import ScpSettings
from ich_node.network.acceptor.providers import replace_providers
from ich_node.network.acceptor.service import Admit, AssociationService
from ich_node.network.acceptor.waiting_room import ListeningSocket, WaitingRoom
from ich_node.network.tls import explained

BACKLOG = 1_024
TITLES_AT = (10, 26)  # of the called and the calling AE title

log = structlog.get_logger(__name__)


def with_padded_titles(request: bytes) -> bytes:
    """The A-ASSOCIATE-RQ with AE titles that end at their first NUL and are padded with spaces, as
    PS3.8 table 9-11 asks: some senders leave the NUL of a C string in.
    """
    titles = (request[at : at + 16].partition(b"\0")[0].ljust(16) for at in TITLES_AT)
    called, calling = titles
    return request[:10] + called + calling + request[42:] if len(request) >= 42 else request


class AdmittedConnectionHandler(RequestHandler):
    """Makes an association of an admitted connection, in a thread that ends when it has started."""

    server: "Server"

    @override
    def handle(self) -> None:
        self._received, self._service = self.server.take_admitted(self.request)
        try:
            super().handle()
        except BaseException:
            self._service.failed()
            raise
        self._service.started(self._association)

    @override
    def _create_association(self) -> Association:
        association = self._association = super()._create_association()
        replace_providers(
            association, service=self._service, received=self._received, scp=self.server.scp
        )
        return association


class Server(ThreadedAssociationServer):
    """scp, waiting_room and admit must be set before `listen`: pynetdicom's make_server constructs
    it.
    """

    daemon_threads = True
    scp: ScpSettings
    waiting_room: WaitingRoom
    admit: Admit

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._admitted: dict[socket.socket, tuple[bytes, AssociationService]] = {}
        super().__init__(*arguments, **{**options, "request_handler": AdmittedConnectionHandler})

    def listen(self) -> None:
        """Accept connections from now on."""
        assert self.socket is not None
        self.socket.listen(BACKLOG)
        self.waiting_room.listen(ListeningSocket(endpoint=self.socket, accepted=self.accepted))

    def accepted(self, connection: socket.socket, client_address: Any) -> None:
        """Called by the waiting room for each new connection, in place of upstream's serve_forever.

        Upstream accepts one connection at a time, collects garbage between them, and waits for each
        TLS handshake, so that one silent peer stops all others.
        """

        def request_complete(received: bytes) -> bytes:
            received = with_padded_titles(received)
            admitted = self.admit(received, client_address[0], connection)
            if isinstance(admitted, bytes):
                return admitted
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(admitted.failed)
                self._admitted[connection] = received, admitted
                on_failure.callback(self._admitted.pop, connection, None)
                connection.setblocking(True)
                on_failure.callback(connection.setblocking, False)
                ThreadingMixIn.process_request(self, connection, client_address)
                on_failure.pop_all()
            return b""

        self.waiting_room.enter(connection, client_address[0], request_complete)

    def take_admitted(self, connection: Any) -> tuple[bytes, AssociationService]:
        """The A-ASSOCIATE-RQ of an admitted connection, and the service of its association."""
        return self._admitted.pop(connection)


class TlsServer(Server):
    """A new ssl_context takes effect with the next connection."""

    @override
    def accepted(self, connection: socket.socket, client_address: Any) -> None:
        """The handshake takes place in the waiting room."""
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
