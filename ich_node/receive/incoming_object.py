"""An object while it comes: written to the spool's disk piece by piece, so that no peer can fill
the memory.

pynetdicom could write to a file of its own (STORE_RECV_CHUNKED_DATASET), but leaves it behind when
the association breaks.
"""

import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from pydicom.uid import UID

from ich_node.config.settings import ScpSettings
from ich_node.errors import Unavailable
from ich_node.network.acceptor.c_store import CStoreRequest
from ich_node.receive.file_meta import file_meta_information
from ich_node.receive.header import FIRST_BYTES, LEGAL_UID
from ich_node.receive.status import NotStored, Status
from ich_node.spool import Part, Spool, Stored

# Data sets of other messages than C-STORE; the longest is a question for storage commitment of
# 10,000 objects.
LARGEST_IDENTIFIER_BYTES = 2 << 20
# An object over the limit is read to its end, so that its sender can be told; a stream of this many
# times the limit is not.
MOST_DISCARDED = 4
# A line of 64 kbit/s. What is slower on average, after dimse_timeout_seconds, does not mean it.
SLOWEST_BYTES_A_SECOND = 8_000
# So long a large object waits for its place before it is answered with 0xA700; its sender's socket
# is not read meanwhile.
WAIT_SECONDS = 10.0
WAIT_STEP_SECONDS = 0.1


class Overstepped(Exception):
    """A message that must not go on: larger, or slower, than any that means it."""


class Arrivals:
    """Where objects begin, and [scp] max_bytes_in_flight: the bytes of all objects that have come
    but are not yet kept.

    Half of it is shared out evenly, so that an object of ordinary size never waits for another. The
    rest is places for larger ones, each of max_object_bytes: whoever has one can finish.
    """

    def __init__(self, scp: ScpSettings, spool: Spool) -> None:
        self.largest_bytes = scp.max_object_bytes
        self.patience_seconds = scp.dimse_timeout_seconds
        half_bytes = scp.max_bytes_in_flight // 2
        self.share_bytes = half_bytes // scp.max_associations
        self._places = threading.BoundedSemaphore(half_bytes // scp.max_object_bytes)
        self._spool = spool

    def begin(self, meta: bytes) -> Part:
        """A part that starts with the file meta information. Raises SpoolFull, Unavailable."""
        part = self._spool.begin()
        part.write(meta)
        return part

    def take_place(self, is_wanted: Callable[[], bool]) -> None:
        """Wait for a place of a large object. Raises NotStored if none is given back in time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._places.acquire(timeout=WAIT_STEP_SECONDS):
            if time.monotonic() > deadline or not is_wanted():
                raise NotStored(
                    Status.OUT_OF_RESOURCES, "too many large objects at the same time; send again"
                )

    def give_place_back(self) -> None:
        self._places.release()


class Pace:
    """What one message may take."""

    def __init__(self, arrivals: Arrivals, limit_bytes: int) -> None:
        self._patience_seconds = arrivals.patience_seconds
        self._limit_bytes = limit_bytes
        self._began = time.monotonic()
        self.size_bytes = 0

    def hold(self, more_bytes: int) -> None:
        """Raises Overstepped."""
        self.size_bytes += more_bytes
        if self.size_bytes > self._limit_bytes:
            raise Overstepped("message_too_large")
        late_seconds = time.monotonic() - self._began - self._patience_seconds
        if self.size_bytes < late_seconds * SLOWEST_BYTES_A_SECOND:
            raise Overstepped("message_too_slow")


class Identifier(BytesIO):
    """The data set of any other message than C-STORE, as pynetdicom writes it: small, in memory."""

    def __init__(self, arrivals: Arrivals) -> None:
        super().__init__()
        self._pace = Pace(arrivals, LARGEST_IDENTIFIER_BYTES)

    def write(self, chunk: bytes) -> int:  # type: ignore[override]  # pynetdicom writes bytes
        """Raises Overstepped."""
        self._pace.hold(len(chunk))
        return super().write(chunk)


class IncomingObject:
    """The data set of one C-STORE, on its way to the spool.

    first: what came first of it, where its header is. refused: why the object is not kept, for its
    sender. What comes after that is counted and dropped.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        request: CStoreRequest,
        transfer_syntax: UID,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._arrivals = arrivals
        self._request = request
        self._transfer_syntax = transfer_syntax
        self._is_wanted = is_wanted
        self._pace = Pace(arrivals, MOST_DISCARDED * arrivals.largest_bytes)
        self._offset = 0
        self._has_place = False
        self._lock = threading.Lock()
        self.first = b""
        self.part: Part | None = None
        self.refused: NotStored | Unavailable | None = None

    def write(self, chunk: bytes | memoryview) -> None:
        """Raises Overstepped."""
        self._pace.hold(len(chunk))
        if self.refused is None:
            try:
                self._keep(chunk)
            except (NotStored, Unavailable) as reason:
                self.refused = reason
                self.discard()

    def reader(self) -> BinaryIO:
        """The data set from its first byte, for the caller to close."""
        return self.part.reader(self._offset) if self.part else BytesIO()

    def keep(self) -> Stored:
        """The object is on disk, under the hash of its bytes. Raises SpoolFull, Unavailable."""
        assert self.part is not None, "an object without bytes has no UIDs"
        return self.part.keep()

    def discard(self) -> None:
        """Leave nothing of it, and give back what it held. Again: nothing."""
        with self._lock:
            if self.part is not None:
                self.part.close()
            if self._has_place:
                self._has_place = False
                self._arrivals.give_place_back()

    def __del__(self) -> None:
        self.discard()

    def _keep(self, chunk: bytes | memoryview) -> None:
        size_bytes = self._pace.size_bytes
        if size_bytes > self._arrivals.largest_bytes:
            raise NotStored(
                Status.OBJECT_TOO_LARGE, f"larger than {self._arrivals.largest_bytes} bytes"
            )
        if self.part is None:
            meta, self.first = self._meta(), bytes(chunk[:FIRST_BYTES])
            self._offset = len(meta)
            self.part = self._arrivals.begin(meta)
        if size_bytes > self._arrivals.share_bytes and not self._has_place:
            self._arrivals.take_place(self._is_wanted)
            self._has_place = True
        self.part.write(chunk)

    def _meta(self) -> bytes:
        """The file's first bytes say what the command says; Store holds the data set against it."""
        uids = {
            "SOPClassUID": self._request.AffectedSOPClassUID,
            "SOPInstanceUID": self._request.AffectedSOPInstanceUID,
        }
        for keyword, uid in uids.items():
            if not LEGAL_UID.fullmatch(uid):
                raise NotStored(Status.UID_ILLEGAL, f"{keyword} is not a UID")
        return file_meta_information(
            sop_class_uid=uids["SOPClassUID"],
            sop_instance_uid=uids["SOPInstanceUID"],
            transfer_syntax_uid=self._transfer_syntax,
        )
