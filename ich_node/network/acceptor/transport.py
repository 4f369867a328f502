"""The socket of an association, with the limits that pynetdicom lacks: a size and a deadline for
each PDU.

Without them a PDU header of six bytes makes pynetdicom allocate 4 GiB, and a peer that stops in the
middle of a PDU blocks its thread for ever.
"""

import select
import socket
import ssl
import struct
import time
from contextlib import suppress

import structlog
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket
from typing_extensions import override

from ich_node.network.acceptor.c_store import P_DATA_TF
from ich_node.network.acceptor.waiting_room import LARGEST_ASSOCIATE_PDU_BYTES

PDU_HEADER = struct.Struct(">BxL")
TIMEVAL = struct.Struct("@ll")  # seconds, microseconds

log = structlog.get_logger(__name__)


class BoundedTransport(AssociationSocket):
    """Reads PDUs that are no larger than negotiated and that arrive within patience_seconds.

    Upstream reads 4 kB at a time into a new buffer for each PDU. This class reads all that has
    arrived into one buffer, which it reuses.
    """

    def __init__(
        self,
        association: Association,
        *,
        connection: socket.socket,
        received: bytes,
        max_pdu_bytes: int,
        patience_seconds: float,
    ) -> None:
        """received: the bytes that were read from the connection already."""
        self._patience_seconds = patience_seconds
        self._limit_bytes = max(max_pdu_bytes, LARGEST_ASSOCIATE_PDU_BYTES)
        self._buffer = bytearray(PDU_HEADER.size + self._limit_bytes)
        self._view = memoryview(self._buffer)
        self._begin, self._end = 0, len(received)
        self._buffer[: len(received)] = received
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        # Sending needs a deadline, too: the peer may have stopped reading.
        if self._is_tls:
            connection.settimeout(patience_seconds)
        else:
            # With a timeout of its own, Python would poll the socket before each call.
            connection.settimeout(None)
            timeout = TIMEVAL.pack(*divmod(round(1e6 * patience_seconds), 1_000_000))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            self._poll = select.poll()
            self._poll.register(connection, select.POLLIN)
        # A response is one short packet. Nagle's algorithm would hold it back until the peer
        # acknowledges the packet before, which takes up to 40 ms.
        with suppress(OSError):  # the peer has closed the connection already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(association, client_socket=connection)

    @property
    def has_buffered(self) -> bool:
        """Whether bytes were read from the socket that nobody has taken yet."""
        return self._end > self._begin

    @property
    @override
    def ready(self) -> bool:
        """Whether there is something to read."""
        return self.has_buffered or super().ready

    @property
    def has_pipelined(self) -> bool:
        """Whether the peer has sent more before it was answered. Bytes of the TLS layer itself do
        not count.
        """
        if isinstance(self.socket, ssl.SSLSocket):
            return self.has_buffered or self.socket.pending() > 0
        return self.ready

    def read_available(self) -> bool:
        """Read what has arrived, without waiting; whether there is anything.

        Raises ConnectionResetError if the connection ended.
        """
        if self.has_buffered or self._is_tls:
            return self.ready
        self._begin = self._end = 0
        return self._read()

    def p_data(self) -> memoryview | None:
        """The presentation data values of the next PDU, valid until the next call; None if it is no
        P-DATA-TF, which `recv` then gives.

        Raises OSError (pynetdicom then closes the connection) if the PDU is too large or too slow,
        or if the connection ended within it.
        """
        self._fill(PDU_HEADER.size)
        kind, length = PDU_HEADER.unpack_from(self._buffer, self._begin)
        if kind != P_DATA_TF:
            return None
        self._check_size(length)
        self._fill(PDU_HEADER.size + length)
        begin = self._begin + PDU_HEADER.size
        self._begin = begin + length
        return self._view[begin : self._begin]

    @override
    def recv(self, nr_bytes: int) -> bytearray:
        """Called by upstream for each part of a PDU. Raises OSError as `p_data` does."""
        self._check_size(nr_bytes)
        with suppress(ConnectionResetError):  # upstream checks the length of what it gets
            self._fill(nr_bytes)
        received = self._buffer[self._begin : min(self._end, self._begin + nr_bytes)]
        self._begin += len(received)
        return received

    def _check_size(self, nr_bytes: int) -> None:
        if nr_bytes > self._limit_bytes:
            log.warning("pdu_too_large", announced_bytes=nr_bytes, limit_bytes=self._limit_bytes)
            raise OSError(f"a PDU of {nr_bytes} bytes is over the limit")

    def _fill(self, nr_bytes: int) -> None:
        """Wait until the buffer holds this many contiguous bytes.

        Raises ConnectionResetError if the connection ended before, TimeoutError after the deadline.
        """
        if not self.has_buffered:
            self._begin = self._end = 0
        elif self._begin + nr_bytes > len(self._buffer):
            rest = self._buffer[self._begin : self._end]
            self._begin, self._end = 0, len(rest)
            self._buffer[: self._end] = rest
        if self._end - self._begin >= nr_bytes:
            return
        if self.socket is None:
            raise ConnectionResetError("the connection is closed")
        deadline = time.monotonic() + self._patience_seconds
        while self._end - self._begin < nr_bytes:
            left_seconds = deadline - time.monotonic()
            if left_seconds <= 0:
                raise TimeoutError("the PDU did not arrive in time")
            if self._is_tls:
                self._read_tls(left_seconds)
            elif not self._read():
                self._poll.poll(1000 * left_seconds)

    def _read(self) -> bool:
        """Append what has arrived to the buffer; False if nothing has. Raises OSError."""
        assert self.socket is not None
        try:
            free = self._view[self._end :]
            self._append(self.socket.recv_into(free, 0, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False
        return True

    def _read_tls(self, patience_seconds: float) -> None:
        """Wait for bytes and append them to the buffer. Raises OSError."""
        assert self.socket is not None
        self.socket.settimeout(patience_seconds)
        self._append(self.socket.recv_into(self._view[self._end :]))
        self.socket.settimeout(self._patience_seconds)

    def _append(self, nr_bytes: int) -> None:
        if not nr_bytes:
            raise ConnectionResetError("the connection ended in a PDU")
        self._end += nr_bytes

    @override
    def _shutdown_socket(self) -> None:
        """Upstream does not close a socket that the peer closed first: its shutdown fails."""
        connection = self.socket
        if connection is None:
            return
        with suppress(OSError):
            # Not SSLSocket.shutdown, which removes the TLS layer while another thread may read.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        connection.close()
