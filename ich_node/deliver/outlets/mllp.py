"""MLLP (HL7 v2 transport, release 1): a message between <VT> and <FS><CR>, and one answer in a
frame of the same kind, or as receivers write it: without the <CR>, the <FS> or any frame.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ich_node.config.destinations import Hl7Destination
from ich_node.config.settings import TlsSettings
from ich_node.errors import PeerUnavailable
from ich_node.network.tls import client_context, explained

START, FS, END = b"\x0b", b"\x1c", b"\x1c\r"
CONNECT_SECONDS = 5.0
# An acknowledgement whose end is not marked is complete when the peer is silent as long as this.
SILENCE_SECONDS = 0.5
MOST_ANSWER_BYTES = 1 << 16
BETWEEN_FRAMES = b"\r\n" + START + FS
MSA = re.compile(rb"[\r\n]MSA.[^\r\n]")

IsOurs = Callable[[bytes], bool]


@dataclass(frozen=True, kw_only=True)
class Mllp:
    """An open connection. seconds: how long to wait for an answer; received: what has not been read
    as an answer.
    """

    connection: socket.socket
    seconds: float
    received: bytearray = field(default_factory=bytearray)

    def exchange(self, message: bytes, is_ours: IsOurs) -> bytes:
        """Send a message and wait for its answer; answers to other messages are passed over: they
        are late. Raises PeerUnavailable with the reason in words, and what is_ours raises.
        """
        deadline = time.monotonic() + self.seconds
        others = 0
        try:
            self.connection.settimeout(self.seconds)
            self.connection.sendall(START + message + END)
            while True:
                answer = self._answer(deadline)
                if is_ours(answer):
                    return answer
                others += 1
        except _NoAnswer as error:
            others_words = "; it acknowledged another message than ours" if others else ""
            raise PeerUnavailable(f"{error.detail}{others_words}") from error
        except ssl.SSLError as error:
            raise PeerUnavailable(f"TLS fails: {explained(error)}") from error
        except OSError as error:
            raise PeerUnavailable(f"the connection broke: {error.strerror or error}") from error

    def _answer(self, deadline: float) -> bytes:
        """The next answer: up to its FS. Some peers send none, or no frame at all: then up to the
        next frame, or until the peer says no more. Raises _NoAnswer.
        """
        while True:
            del self.received[: len(self.received) - len(self.received.lstrip(BETWEEN_FRAMES))]
            ends = [at for at in map(self.received.find, (FS, START)) if at >= 0]
            if ends:
                return self._take(min(ends))
            if len(self.received) > MOST_ANSWER_BYTES:
                raise _NoAnswer(
                    f"the peer's answer has more than {MOST_ANSWER_BYTES} bytes and no end"
                )
            is_acknowledgement = MSA.search(self.received) is not None
            now = time.monotonic()
            until = min(deadline, now + SILENCE_SECONDS) if is_acknowledgement else deadline
            self.connection.settimeout(max(0.001, until - now))
            try:
                chunk = self.connection.recv(4096)
            except TimeoutError as error:
                if self.received:
                    return self._take(len(self.received))
                raise _NoAnswer(
                    f"the peer does not acknowledge within {self.seconds:g} s"
                ) from error
            if not chunk:
                if self.received:
                    return self._take(len(self.received))
                raise _NoAnswer("the peer closed the connection without an acknowledgement")
            self.received.extend(chunk)

    def _take(self, count: int) -> bytes:
        """The first bytes, and the FS that follows them."""
        taken = bytes(self.received[:count])
        del self.received[: count + (self.received[count : count + 1] == FS)]
        return taken


class _NoAnswer(PeerUnavailable):
    """The peer does not answer."""


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
