"""The commands of C-STORE (PS3.7 §9.3.1) as bytes, decoded and encoded once for each object.

pynetdicom makes a Dataset of each command, sets and gets every element through the data dictionary,
and encodes it again: 2 ms of CPU for each object, more than half a megabyte of pixels costs from
the socket to the disk.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from ich_node.dicom.legal_uid import is_legal_uid

ELEMENT = struct.Struct("<HHL")  # implicit VR little endian: group, element, length
UNSIGNED_SHORT = struct.Struct("<H")
# P-DATA-TF with one presentation data value (PS3.8 tables 9-22 and 9-23)
PDU_AND_PDV = struct.Struct(">BBLLBB")
P_DATA_TF = 0x04
LAST_COMMAND_FRAGMENT = 0x03  # message control header, PS3.8 table E.2-1

GROUP_LENGTH, SOP_CLASS_UID, COMMAND_FIELD, MESSAGE_ID = 0x0000, 0x0002, 0x0100, 0x0110
RESPONDS_TO, PRIORITY, DATA_SET_TYPE, STATUS = 0x0120, 0x0700, 0x0800, 0x0900
ERROR_COMMENT, SOP_INSTANCE_UID = 0x0902, 0x1000
C_STORE_RQ, C_STORE_RSP, NO_DATA_SET = 0x0001, 0x8001, 0x0101
MEDIUM = 0x0000


@dataclass(frozen=True, kw_only=True)
class CStoreRequest:
    """The elements of a C-STORE-RQ, named as in the standard and in pynetdicom's C_STORE."""

    MessageID: int
    AffectedSOPClassUID: str
    AffectedSOPInstanceUID: str
    Priority: int
    has_data_set: bool


class StoreResponse(NamedTuple):
    """The status of a C-STORE-RSP, and for a failure a sentence for the sender's log."""

    status: int
    comment: str = ""


def c_store_request(command: bytes) -> CStoreRequest | None:
    """Decode a command set; None if it is another command than C-STORE-RQ.

    Raises ValueError, KeyError or struct.error if the bytes are not a command set.
    """
    elements = _elements(command)
    if UNSIGNED_SHORT.unpack(elements[COMMAND_FIELD])[0] != C_STORE_RQ:
        return None
    return CStoreRequest(
        MessageID=UNSIGNED_SHORT.unpack(elements[MESSAGE_ID])[0],
        AffectedSOPClassUID=_uid(elements.get(SOP_CLASS_UID, b"")),
        AffectedSOPInstanceUID=_uid(elements.get(SOP_INSTANCE_UID, b"")),
        Priority=UNSIGNED_SHORT.unpack(elements[PRIORITY])[0] if PRIORITY in elements else MEDIUM,
        has_data_set=UNSIGNED_SHORT.unpack(elements[DATA_SET_TYPE])[0] != NO_DATA_SET,
    )


def c_store_response(request: CStoreRequest, response: StoreResponse, context_id: int) -> bytes:
    """The P-DATA-TF with the C-STORE-RSP, which is shorter than any peer's PDU limit."""
    elements = [
        _uid_element(SOP_CLASS_UID, request.AffectedSOPClassUID),
        _short_element(COMMAND_FIELD, C_STORE_RSP),
        _short_element(RESPONDS_TO, request.MessageID),
        _short_element(DATA_SET_TYPE, NO_DATA_SET),
        _short_element(STATUS, response.status),
    ]
    if response.comment:
        comment = response.comment.encode("ascii", "replace")
        elements.append(_text_element(ERROR_COMMENT, comment, b" "))
    elements.append(_uid_element(SOP_INSTANCE_UID, request.AffectedSOPInstanceUID))
    body = b"".join(elements)
    command = ELEMENT.pack(0, GROUP_LENGTH, 4) + struct.pack("<L", len(body)) + body
    size = len(command)
    header = PDU_AND_PDV.pack(P_DATA_TF, 0, size + 6, size + 2, context_id, LAST_COMMAND_FRAGMENT)
    return header + command


def _elements(command: bytes) -> dict[int, bytes]:
    """The values of group 0000 by element number."""
    elements, offset = {}, 0
    while offset < len(command):
        group, element, length = ELEMENT.unpack_from(command, offset)
        offset += ELEMENT.size + length
        if group != 0 or offset > len(command):
            raise ValueError("not a command set")
        elements[element] = command[offset - length : offset]
    if not elements.keys() >= {COMMAND_FIELD, DATA_SET_TYPE}:
        raise ValueError("a command set without a command")
    return elements


def _uid(value: bytes) -> str:
    return value.decode("latin-1").strip("\x00 ")


def _uid_element(element: int, uid: str) -> bytes:
    """Empty for an illegal UID, which could contain anything and have any length."""
    return _text_element(element, uid.encode("ascii"), b"\x00") if is_legal_uid(uid) else b""


def _text_element(element: int, value: bytes, padding: bytes) -> bytes:
    value += padding * (len(value) % 2)
    return ELEMENT.pack(0, element, len(value)) + value


def _short_element(element: int, value: int) -> bytes:
    return ELEMENT.pack(0, element, 2) + UNSIGNED_SHORT.pack(value)
