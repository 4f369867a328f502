"""An object while it is received: its bytes are written to the spool's disk as they arrive, so that
no peer can fill the memory.

pynetdicom can write to a file of its own (STORE_RECV_CHUNKED_DATASET), but leaves the file behind
when the association breaks.
"""

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from pydicom.uid import UID

from ich_node.config.settings import ScpSettings
from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.errors import Unavailable
from ich_node.network.acceptor.c_store import CStoreRequest
from ich_node.network.acceptor.pace import Pace
from ich_node.receive.file_meta import file_meta_information
from ich_node.receive.header import FIRST_BYTES
from ich_node.receive.in_flight import BytesInFlight
from ich_node.receive.status import NotStored, Status
from ich_node.spool import Part, Spool, Stored

# An object over the limit is read to its end, so that its sender gets a response. An object of this
# many times the limit is not: its association is aborted.
MOST_DISCARDED = 4


class IncomingObject:
    """The data set of one C-STORE on its way to the spool.

    first: its first bytes, which contain the header. refused: why the object is not stored; the
    bytes that follow are then counted and dropped.
    """

    def __init__(
        self,
        *,
        request: CStoreRequest,
        transfer_syntax: UID,
        is_wanted: Callable[[], bool],
        scp: ScpSettings,
        spool: Spool,
        in_flight: BytesInFlight,
    ) -> None:
        self._request = request
        self._transfer_syntax = transfer_syntax
        self._is_wanted = is_wanted
        self._largest_bytes = scp.max_object_bytes
        self._spool = spool
        self._in_flight = in_flight
        self._pace = Pace(
            patience_seconds=scp.dimse_timeout_seconds,
            limit_bytes=MOST_DISCARDED * scp.max_object_bytes,
        )
        self._offset = 0
        self._has_slot = False
        self._part: Part | None = None
        self.first = b""
        self.refused: NotStored | Unavailable | None = None

    def write(self, chunk: memoryview) -> None:
        """Raises ProtocolViolation if the object is much too large or arrives too slowly."""
        self._pace.count(len(chunk))
        if self.refused is None:
            try:
                self._write(chunk)
            except (NotStored, Unavailable) as reason:
                self.refused = reason
                self.close()

    def reader(self) -> BinaryIO:
        """The data set from its first byte, for the caller to close."""
        return self._part.reader(self._offset) if self._part else BytesIO()

    def keep(self) -> Stored:
        """The object is durable in the spool when this returns. Raises SpoolFull, Unavailable."""
        assert self._part is not None, "an object without bytes has no UIDs"
        return self._part.keep()

    def close(self) -> None:
        """Remove what was not kept, and release the slot. A second call does nothing."""
        if self._part is not None:
            self._part.close()
        if self._has_slot:
            self._has_slot = False
            self._in_flight.release_slot()

    def _write(self, chunk: memoryview) -> None:
        size_bytes = self._pace.size_bytes
        if size_bytes > self._largest_bytes:
            raise NotStored(Status.OBJECT_TOO_LARGE, f"larger than {self._largest_bytes} bytes")
        if self._part is None:
            meta, self.first = self._meta(), bytes(chunk[:FIRST_BYTES])
            self._offset = len(meta)
            self._part = self._spool.begin()
            self._part.write(meta)
        if size_bytes > self._in_flight.share_bytes and not self._has_slot:
            self._in_flight.take_slot(self._is_wanted)
            self._has_slot = True
        self._part.write(chunk)

    def _meta(self) -> bytes:
        """By the command's UIDs; ObjectStore compares the data set with the command."""
        uids = {
            "SOPClassUID": self._request.AffectedSOPClassUID,
            "SOPInstanceUID": self._request.AffectedSOPInstanceUID,
        }
        for keyword, uid in uids.items():
            if not is_legal_uid(uid):
                raise NotStored(Status.UID_ILLEGAL, f"{keyword} is not a UID")
        return file_meta_information(
            sop_class_uid=uids["SOPClassUID"],
            sop_instance_uid=uids["SOPInstanceUID"],
            transfer_syntax_uid=self._transfer_syntax,
        )
