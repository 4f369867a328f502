"""The statuses of C-STORE (PS3.4 B.2.3, PS3.7 C). docs/c-store-status.md is the table, with a test
for each row.
"""

from enum import IntEnum

from ich_node.errors import IchNodeError
from ich_node.network.acceptor.c_store import StoreResponse

MOST_COMMENT_CHARACTERS = 64  # VR LO of (0000,0902) Error Comment


class Status(IntEnum):
    """The (0000,0900) values that this node answers with."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    OUT_OF_RESOURCES = 0xA700
    OBJECT_TOO_LARGE = 0xA701
    DOES_NOT_MATCH_COMMAND = 0xA900
    HEADER_NOT_UNDERSTOOD = 0xC000
    UID_MISSING = 0xC001
    UID_ILLEGAL = 0xC002
    NO_VERDICT = 0xC003
    NOTHING_KNOWN = 0xC004
    MADE_HERE = 0xC005


class NotStored(IchNodeError):
    """The object is not stored; the sender gets the status and this sentence."""

    def __init__(self, status: Status, comment: str) -> None:
        self.status = status
        super().__init__(comment)


def response(status: Status, comment: str = "") -> StoreResponse:
    """With the comment cut to the length of its VR."""
    return StoreResponse(status, comment[:MOST_COMMENT_CHARACTERS])
