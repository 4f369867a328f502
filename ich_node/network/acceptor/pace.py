"""How large and how slow one message may be."""

import time
from io import BytesIO

from typing_extensions import override

# Data sets of other messages than C-STORE. The longest is a storage commitment request for 10,000
# objects.
LARGEST_IDENTIFIER_BYTES = 2 << 20
# 64 kbit/s, on average over the message. The first dimse_timeout_seconds are not counted.
SLOWEST_BYTES_PER_SECOND = 8_000


class ProtocolViolation(Exception):
    """A peer broke the protocol or a limit: its association is aborted. The message is the reason
    that the log names.
    """


class Pace:
    """Counts the bytes of one message while it arrives."""

    def __init__(self, *, patience_seconds: float, limit_bytes: int) -> None:
        self._patience_seconds = patience_seconds
        self._limit_bytes = limit_bytes
        self._began = time.monotonic()
        self.size_bytes = 0

    def count(self, more_bytes: int) -> None:
        """Raises ProtocolViolation if the message is too large, or arrives too slowly."""
        self.size_bytes += more_bytes
        if self.size_bytes > self._limit_bytes:
            raise ProtocolViolation("message_too_large")
        late_seconds = time.monotonic() - self._began - self._patience_seconds
        if self.size_bytes < late_seconds * SLOWEST_BYTES_PER_SECOND:
            raise ProtocolViolation("message_too_slow")


class BoundedIdentifier(BytesIO):
    """The data set of a message other than C-STORE, which pynetdicom collects in memory."""

    def __init__(self, *, patience_seconds: float) -> None:
        super().__init__()
        self._pace = Pace(patience_seconds=patience_seconds, limit_bytes=LARGEST_IDENTIFIER_BYTES)

    @override
    def write(self, chunk: bytes) -> int:  # type: ignore[override]  # pynetdicom writes bytes only
        """Raises ProtocolViolation."""
        self._pace.count(len(chunk))
        return super().write(chunk)
