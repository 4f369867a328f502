"""PDUs as bytes (PS3.8 §9.3), for what no library would send."""

import struct
from io import BytesIO

from heads import head_slice
from peers import CT
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"


def item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(data)) + data


def pdu(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(data)) + data


def associate_rq() -> bytes:
    """A-ASSOCIATE-RQ of CT1 for CT in Explicit VR Little Endian, as PS3.8 §9.3.2 has it."""
    context = bytes([1, 0, 0, 0]) + item(0x30, CT.encode()) + item(0x40, ExplicitVRLittleEndian.encode())
    user = item(0x51, struct.pack(">L", 16_384)) + item(0x52, b"2.25.1")
    titles = b"ICHNODE".ljust(16) + b"CT1".ljust(16)
    return pdu(
        1, b"\x00\x01\x00\x00" + titles + bytes(32) + item(0x10, APPLICATION_CONTEXT) + item(0x20, context) + item(0x50, user)
    )


def c_store_rq() -> list[bytes]:
    """The P-DATA-TF PDUs of one small object."""
    ds = head_slice(0, rows=16, columns=16)
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    request.DataSet = BytesIO(encode(ds, is_implicit_vr=False, is_little_endian=True) or b"")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    pdus = []
    for primitive in message.encode_msg(1, 16_384):
        for context_id, data in primitive.presentation_data_value_list:
            pdus.append(pdu(4, struct.pack(">LB", len(data) + 1, context_id) + data))
    return pdus


def fragment(data: bytes, *, is_last: bool) -> bytes:
    """A P-DATA-TF with part of a data set."""
    return pdu(4, struct.pack(">LBB", len(data) + 2, 1, 2 if is_last else 0) + data)
