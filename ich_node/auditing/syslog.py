"""Syslog as PS3.15 A.6 wants it: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).

Syslog has no acknowledgement. Over TCP and TLS we close our side after a batch and wait for the
server to close its own without complaint: then it has read everything. If it stays open, its system
has confirmed every byte. Of a datagram nobody knows.
"""

import array
import errno
import fcntl
import os
import socket
import ssl
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from ich_node.config.settings import TlsSettings
from ich_node.config.web import AuditSettings
from ich_node.errors import PeerUnavailable
from ich_node.network.tls import explained, web_context

APP_NAME = "ich-node"
MESSAGE_ID = "DICOM+RFC3881"  # A.6
AUTHORIZATION = 10  # facility
NOTICE, WARNING = 5, 4  # severities
BOM = "\ufeff"  # RFC 5424 6.4: the message is UTF-8
SECONDS = 10.0
CONFIRMATION_SECONDS = 0.01


def syslog_message(text: str, *, at: datetime, host: str, is_alert: bool) -> bytes:
    """RFC 5424 6: header, no structured data, the text."""
    priority = 8 * AUTHORIZATION + (WARNING if is_alert else NOTICE)
    time = at.isoformat(timespec="milliseconds")
    header = f"<{priority}>1 {time} {_name(host)} {APP_NAME} {os.getpid()} {MESSAGE_ID} -"
    return f"{header} {BOM}{text}".encode()


def _name(host: str) -> str:
    """RFC 5424 6.2.4: printable ASCII, at most 255 characters."""
    return "".join(each for each in host if "!" <= each <= "~")[:255] or "-"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The audit record repository. tls: our own certificate, for a server that asks for it."""

    settings: AuditSettings
    tls: TlsSettings

    def send(self, messages: Sequence[bytes]) -> None:
        """In this order. Raises PeerUnavailable if it does not have all of them; it may have
        some. Raises ConfigError for a certificate that cannot be read.
        """
        parts = urlsplit(self.settings.syslog or "")
        host, port = parts.hostname or "", parts.port or 0
        with _explained(f"{parts.scheme}://{host}:{port}"):
            if parts.scheme == "udp":
                _send_datagrams(host, port, messages)
                return
            with socket.create_connection((host, port), timeout=SECONDS) as connection:
                if parts.scheme == "tcp":
                    _send_stream(connection, messages)
                    return
                context = web_context(self.tls, self.settings.ca)
                with context.wrap_socket(connection, server_hostname=host) as encrypted:
                    _send_stream(encrypted, messages)


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PeerUnavailable(f"audit record repository {address}: {explained(error)}") from error


def _send_datagrams(host: str, port: int, messages: Sequence[bytes]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as connection:
        connection.connect(address)  # a refusal of the other host is then an error of the next call
        for message in messages:
            connection.send(message)
        if number := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))


def _send_stream(connection: socket.socket, messages: Sequence[bytes]) -> None:
    """Octet counting: LENGTH SPACE MESSAGE."""
    connection.sendall(b"".join(b"%d %s" % (len(each), each) for each in messages))
    with suppress(TimeoutError):  # a server may keep its side open
        _close(connection)
    _require_confirmed(connection)


def _close(connection: socket.socket) -> None:
    """Waits for the other side to close. Raises OSError."""
    if isinstance(connection, ssl.SSLSocket):
        # many servers end the connection without a close_notify of their own
        with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            connection.unwrap()
        return
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


def _require_confirmed(connection: socket.socket) -> None:
    """The other system has every byte. A server that closed before they came refuses them now.
    Raises OSError.
    """
    deadline = time.monotonic() + SECONDS
    while _unconfirmed_bytes(connection):
        if number := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number))
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "not all was confirmed")
        time.sleep(CONFIRMATION_SECONDS)


def _unconfirmed_bytes(connection: socket.socket) -> int:
    """How many the other system has not confirmed (tcp(7): SIOCOUTQ)."""
    count = array.array("i", [0])
    fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, count)
    return count[0]
