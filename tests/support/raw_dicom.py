"""PDUs as bytes (PS3.8 §9.3), for what no library would send."""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from tests.support.heads import head_slice
from tests.support.peers import CT

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
MOST_PDU_BYTES = 16_384
Context = tuple[str, Sequence[str]]


def item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(data)) + data


def pdu(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(data)) + data


RELEASE_RQ = pdu(5, bytes(4))


def associate_rq(
    *,
    called: str = "ICHNODE",
    calling: str = "CT1",
    contexts: Sequence[Context] = ((CT, (ExplicitVRLittleEndian,)),),
) -> bytes:
    """A-ASSOCIATE-RQ as PS3.8 §9.3.2 has it; the contexts get the odd numbers from 1."""
    user = item(0x51, struct.pack(">L", MOST_PDU_BYTES)) + item(0x52, b"2.25.1")
    proposed = b"".join(
        item(
            0x20,
            bytes([2 * number + 1, 0, 0, 0])
            + item(0x30, abstract.encode())
            + b"".join(item(0x40, str(syntax).encode()) for syntax in syntaxes),
        )
        for number, (abstract, syntaxes) in enumerate(contexts)
    )
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    return pdu(
        1,
        b"\x00\x01\x00\x00"
        + titles
        + bytes(32)
        + item(0x10, APPLICATION_CONTEXT)
        + proposed
        + item(0x50, user),
    )


def encoded(ds: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    stream = encode(
        ds, is_implicit_vr=syntax.is_implicit_VR, is_little_endian=syntax.is_little_endian
    )
    assert stream is not None
    return stream


def c_store_rq(
    data_set: bytes | None = None, *, sop_class_uid: str = CT, sop_instance_uid: str | None = None
) -> list[bytes]:
    """The P-DATA-TF PDUs of one object, a small one if none is given, on the first context."""
    ds = head_slice(0, rows=16, columns=16)
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = (
        UID(sop_class_uid),
        UID(sop_instance_uid or ds.SOPInstanceUID),
    )
    request.DataSet = BytesIO(encoded(ds) if data_set is None else data_set)
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    pdus = []
    for primitive in message.encode_msg(1, MOST_PDU_BYTES):
        for context_id, data in primitive.presentation_data_value_list:
            pdus.append(pdu(4, struct.pack(">LB", len(data) + 1, context_id) + data))
    return pdus


def fragment(data: bytes, *, is_last: bool) -> bytes:
    """A P-DATA-TF with part of a data set."""
    return pdu(4, struct.pack(">LBB", len(data) + 2, 1, 2 if is_last else 0) + data)


def connect(port: int, sends: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    with suppress(OSError):
        connection.sendall(sends)
    return connection


def answer(connection: socket.socket) -> bytes:
    """One PDU; b'' if the connection ended."""
    header = _exactly(connection, 6)
    return header + _exactly(connection, struct.unpack(">L", header[2:])[0]) if header else b""


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            return b""
        data += chunk
    return data
