"""MLLP (HL7 v2 transport, release 1): a message between <VT> and <FS><CR>, and one answer in a
frame of the same kind.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ich_node.config.destinations import Hl7Destination
from ich_node.config.settings import TlsSettings
from ich_node.errors import PeerUnavailable
from ich_node.network.tls import client_context, explained

START, END = b"\x0b", b"\x1c\r"
CONNECT_SECONDS = 5.0
MOST_ANSWER_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Mllp:
    """An open connection. seconds: how long to wait for an answer."""

    connection: socket.socket
    seconds: float

    def exchange(self, message: bytes) -> bytes:
        """Send a message and wait for the answer. Raises PeerUnavailable with the reason in
        words.
        """
        deadline = time.monotonic() + self.seconds
        received = b""
        try:
            self.connection.settimeout(self.seconds)
            self.connection.sendall(START + message + END)
            while END not in received:
                self.connection.settimeout(max(0.001, deadline - time.monotonic()))
                chunk = self.connection.recv(4096)
                if not chunk:
                    raise PeerUnavailable(
                        "the peer closed the connection without an acknowledgement"
                    )
                received += chunk
                if len(received) > MOST_ANSWER_BYTES:
                    raise PeerUnavailable(
                        f"the peer's answer has more than {MOST_ANSWER_BYTES} bytes and no end"
                    )
        except TimeoutError as error:
            raise PeerUnavailable(
                f"the peer does not acknowledge within {self.seconds:g} s"
            ) from error
        except ssl.SSLError as error:
            raise PeerUnavailable(f"TLS fails: {explained(error)}") from error
        except OSError as error:
            raise PeerUnavailable(f"the connection broke: {error.strerror or error}") from error
        return received[: received.index(END)].lstrip(START)


@contextmanager
def mllp_with(destination: Hl7Destination, tls: TlsSettings) -> Iterator[Mllp]:
    """Connect, over TLS if the destination is configured so. Raises PeerUnavailable with the
    reason in words, ConfigError if our certificates cannot be used.
    """
    where = f"{destination.host}:{destination.port}"
    context = client_context(tls) if destination.tls else None
    try:
        connection = socket.create_connection(
            (destination.host, destination.port), timeout=CONNECT_SECONDS
        )
    except socket.gaierror as error:
        raise PeerUnavailable(
            f"the host name '{destination.host}' cannot be resolved: {error.strerror}"
        ) from error
    except OSError as error:
        raise PeerUnavailable(
            f"nothing answers at {where} (wrong address, service down, or a firewall)"
        ) from error
    with connection:
        if context is None:
            yield Mllp(connection=connection, seconds=destination.timeout_seconds)
            return
        try:
            secure = context.wrap_socket(
                connection, server_hostname=destination.tls_name or destination.host
            )
        except OSError as error:
            raise PeerUnavailable(f"TLS with {where} fails: {explained(error)}") from error
        with secure:
            yield Mllp(connection=secure, seconds=destination.timeout_seconds)
