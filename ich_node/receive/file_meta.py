"""The File Meta Information (PS3.10 §7.1), which precedes a data set that is stored as received."""

import struct

from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def file_meta_information(
    *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
) -> bytes:
    """Preamble, prefix and group 0002. It contains only facts about the object, so that an object
    that is sent twice gives the same file.
    """
    group = b"".join(
        (
            struct.pack("<HH2sHL", 0x0002, 0x0001, b"OB", 0, 2) + b"\x00\x01",
            _uid(0x0002, sop_class_uid),
            _uid(0x0003, sop_instance_uid),
            _uid(0x0010, transfer_syntax_uid),
            _uid(0x0012, IMPLEMENTATION_CLASS_UID),
            _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii"), padding=b" "),
        )
    )
    return (
        bytes(128)
        + b"DICM"
        + _short(0x0000, b"UL", struct.pack("<L", len(group)), padding=b"")
        + group
    )


def _uid(element: int, uid: str) -> bytes:
    return _short(element, b"UI", uid.encode("ascii"), padding=b"\x00")


def _short(element: int, vr: bytes, value: bytes, *, padding: bytes) -> bytes:
    value += padding * (len(value) % 2)
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value
