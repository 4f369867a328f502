"""What C-STORE answers (PS3.4 B.2.3, PS3.7 C). docs/c-store-status.md is the table with a test for
each row.
"""

from enum import IntEnum
from typing import NamedTuple

from ich_node.errors import IchNodeError

MOST_COMMENT_CHARACTERS = 64  # VR LO of (0000,0902) Error Comment


class Status(IntEnum):
    """The (0000,0900) values this node answers with."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    NOT_AUTHORISED = 0x0124
    OUT_OF_RESOURCES = 0xA700
    OBJECT_TOO_LARGE = 0xA701
    DOES_NOT_MATCH_COMMAND = 0xA900
    HEADER_NOT_UNDERSTOOD = 0xC000
    UID_MISSING = 0xC001
    UID_ILLEGAL = 0xC002


class NotStored(IchNodeError):
    """The object is not kept, and its sender is told why."""

    def __init__(self, status: Status, comment: str) -> None:
        self.status = status
        super().__init__(comment)


class StoreResponse(NamedTuple):
    """The status, and for a failure a sentence that its sender's log will show."""

    status: Status
    comment: str = ""


def response(status: Status, comment: str = "") -> StoreResponse:
    """With no more of the comment than fits."""
    return StoreResponse(status, comment[:MOST_COMMENT_CHARACTERS])
