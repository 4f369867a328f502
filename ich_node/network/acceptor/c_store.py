"""The commands of C-STORE (PS3.7 §9.3.1) as bytes, read and written once for each object.

pynetdicom makes a Dataset of each, sets and gets every element through the data dictionary, and
encodes it again: 2 ms of CPU an object, more than its half megabyte of pixels costs from the socket
to the disk.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ich_node.receive.header import LEGAL_UID
from ich_node.receive.status import StoreResponse

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContextTuple

    from ich_node.receive.incoming_object import IncomingObject

ELEMENT = struct.Struct("<HHL")  # implicit VR little endian: group, element, length
UNSIGNED_SHORT = struct.Struct("<H")
PDU_AND_PDV = struct.Struct(
    ">BBLLBB"
)  # P-DATA-TF with one presentation data value (PS3.8 tables 9-22, 9-23)
P_DATA_TF = 0x04
LAST_OF_A_COMMAND = 0x03

GROUP_LENGTH, SOP_CLASS_UID, COMMAND_FIELD, MESSAGE_ID = 0x0000, 0x0002, 0x0100, 0x0110
RESPONDS_TO, PRIORITY, DATA_SET_TYPE, STATUS = 0x0120, 0x0700, 0x0800, 0x0900
ERROR_COMMENT, SOP_INSTANCE_UID = 0x0902, 0x1000
C_STORE_RQ, C_STORE_RSP, NO_DATA_SET = 0x0001, 0x8001, 0x0101
MEDIUM = 0x0000


@dataclass(frozen=True, kw_only=True)
class CStoreRequest:
    """The command of one object; the fields are named as in the standard, and as those of
    pynetdicom's C_STORE.
    """

    MessageID: int
    AffectedSOPClassUID: str
    AffectedSOPInstanceUID: str
    Priority: int
    has_data_set: bool


@dataclass(frozen=True, kw_only=True)
class CStoreEvent:
    """An object is here: in place of pynetdicom's Event."""

    assoc: "Association"
    context: "PresentationContextTuple"
    request: CStoreRequest
    data_set: "IncomingObject"


def c_store_request(command: bytes) -> CStoreRequest | None:
    """The request; None if the command is another one. Raises ValueError, struct.error if it is
    none.
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


def c_store_response(request: CStoreRequest, answer: StoreResponse, context_id: int) -> bytes:
    """The P-DATA-TF that answers; shorter than any PDU that a peer could be too small for."""
    body = b"".join(
        (
            _uid_element(SOP_CLASS_UID, request.AffectedSOPClassUID),
            _short_element(COMMAND_FIELD, C_STORE_RSP),
            _short_element(RESPONDS_TO, request.MessageID),
            _short_element(DATA_SET_TYPE, NO_DATA_SET),
            _short_element(STATUS, answer.status),
            _text_element(ERROR_COMMENT, answer.comment.encode("ascii", "replace"), b" ")
            if answer.comment
            else b"",
            _uid_element(SOP_INSTANCE_UID, request.AffectedSOPInstanceUID),
        )
    )
    command = ELEMENT.pack(0, GROUP_LENGTH, 4) + struct.pack("<L", len(body)) + body
    return (
        PDU_AND_PDV.pack(
            P_DATA_TF, 0, len(command) + 6, len(command) + 2, context_id, LAST_OF_A_COMMAND
        )
        + command
    )


def _elements(command: bytes) -> dict[int, bytes]:
    """Of group 0000, by their element number."""
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
    """Nothing for what is no UID: it could be anything, and of any length."""
    return _text_element(element, uid.encode("ascii"), b"\x00") if LEGAL_UID.fullmatch(uid) else b""


def _text_element(element: int, value: bytes, padding: bytes) -> bytes:
    value += padding * (len(value) % 2)
    return ELEMENT.pack(0, element, len(value)) + value


def _short_element(element: int, value: int) -> bytes:
    return ELEMENT.pack(0, element, 2) + UNSIGNED_SHORT.pack(value)
