"""The socket of the site: it takes only so many connections, in all and from one address.

A connection beyond is closed before anything is read from it, so that peers that send nothing, or
half a handshake of TLS, leave room for others.
"""

import socket
from collections import Counter
from typing import Any

from typing_extensions import override

from ich_node.config.web import SiteSettings
from ich_node.errors import Unavailable
from ich_node.web.caller import is_proxy

MOST_CONNECTIONS = 250
MOST_OF_ONE_ADDRESS = 60  # a reverse proxy may have all
BACKLOG = 128
UNREAD_MS = 30_000  # of a peer that reads none of what we sent


class SiteSocket(socket.socket):
    """For asyncio, which takes an accept that failed for one that comes too early."""

    settings: SiteSettings
    taken: dict[socket.socket, str]

    @override
    def accept(self) -> tuple[socket.socket, Any]:
        connection, peer = super().accept()
        address = str(peer[0])
        self.taken = {each: of for each, of in self.taken.items() if each.fileno() != -1}
        has_room = len(self.taken) < MOST_CONNECTIONS and (
            is_proxy(address, self.settings)
            or Counter(self.taken.values())[address] < MOST_OF_ONE_ADDRESS
        )
        if not has_room:
            connection.close()
            raise ConnectionAbortedError
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        # asyncio sets it only for sockets that were made for TCP by number. Without it, the end of
        # an answer waits 40 ms for the browser's acknowledgement of its beginning.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.taken[connection] = address
        return connection, peer


def listener_of(settings: SiteSettings) -> SiteSocket:
    """Raises Unavailable if the port is not free."""
    host, port = settings.bind_address, settings.port
    listener = SiteSocket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.settings, listener.taken = settings, {}
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"[web] the site cannot listen on {host}:{port}: {error.strerror}; set [web] port"
        ) from error
    return listener
