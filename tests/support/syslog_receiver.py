"""An audit record repository: takes syslog over UDP, TCP or TLS and keeps the messages."""

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class SyslogReceiver:
    """drops: it resets each connection without reading it. never_closes: it keeps its side open."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    drops: bool = False
    never_closes: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def read(self, connection: socket.socket) -> None:
        self.connections += 1
        if self.drops:  # as the system does for a process that dies
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        data = b""
        with suppress(ssl.SSLError):
            while chunk := connection.recv(4096):
                data += chunk
        while data:  # RFC 6587 3.4.1
            length, _, rest = data.partition(b" ")
            assert len(rest) >= int(length)
            self.received.append(rest[: int(length)])
            data = rest[int(length) :]
        if self.never_closes:
            self.stopped.wait()


@contextmanager
def syslog_receiver(
    *, context: ssl.SSLContext | None = None, udp: bool = False, port: int = 0, **settings: bool
) -> Iterator[SyslogReceiver]:
    """Until the block ends. port: 0: any free one."""
    receiver = SyslogReceiver(**settings)

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            receiver.received.append(self.request[0])

    class Streams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if context is None:
                receiver.read(self.request)
                return
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as encrypted,
            ):
                receiver.read(encrypted)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    address = ("127.0.0.1", port)
    server = socketserver.UDPServer(address, Datagrams) if udp else Server(address, Streams)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
