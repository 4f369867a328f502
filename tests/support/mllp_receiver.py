"""A receiver of HL7 messages: MLLP on a socket."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ich_node.config.destinations import Hl7Destination


def acknowledged(
    message: str, code: str = "AA", text: str = "", *, control_id: str | None = None
) -> str:
    """An acknowledgement as a simple receiver writes it: another version and order of fields."""
    answered = control_id or message.split("|")[9]
    return f"MSH|^~\\&|RIS|HOSP|||20260101||ACK^R01|1|P|2.3\rMSA|{code}|{answered}|{text}\r"


@dataclass
class MllpReceiver:
    """Keeps the messages. answer: to a message, in a frame; None = no answer; bytes are sent
    unchanged, and then the connection is closed unless stays_open.
    """

    port: int = 0
    received: list[str] = field(default_factory=list)
    answer: Callable[[str], str | bytes | None] = acknowledged
    stays_open: bool = False

    def serve(self, connection: socket.socket) -> None:
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
            while b"\x1c\r" in received:
                frame, _, received = received.partition(b"\x1c\r")
                assert frame.startswith(b"\x0b")
                self.received.append(frame[1:].decode())
                answer = self.answer(self.received[-1])
                if isinstance(answer, str):
                    connection.sendall(b"\x0b" + answer.encode() + b"\x1c\r")
                elif answer is not None:
                    connection.sendall(answer)
                    if not self.stays_open:
                        return


@contextmanager
def mllp_receiver(*, context: ssl.SSLContext | None = None) -> Iterator[MllpReceiver]:
    receiver = MllpReceiver()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with (
                    context.wrap_socket(self.request, server_side=True)
                    if context
                    else self.request as connection
                ):
                    receiver.serve(connection)
            except OSError:
                return  # the sender closed the connection or refused our certificate: tested there

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def hl7(port: int, **settings: Any) -> Hl7Destination:
    return Hl7Destination(
        **{
            "name": "ris",
            "kind": "hl7",
            "host": "127.0.0.1",
            "port": port,
            "timeout_seconds": 5,
            **settings,
        }
    )
