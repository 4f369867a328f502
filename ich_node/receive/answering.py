"""The response to a C-STORE: Success if the object was dealt with, else the status and the sentence
that fit the failure.
"""

from collections.abc import Callable

import structlog

from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.errors import SpoolFull, Unavailable
from ich_node.network.acceptor.c_store import StoreResponse
from ich_node.receive.status import NotStored, Status, response

log = structlog.get_logger(__name__)


def answered(
    uid: str, store: Callable[[], None], *, refused: Callable[[Status], None] = lambda _: None
) -> StoreResponse:
    """Never raises. store: returns when the object is durable; may raise NotStored, Unavailable.
    refused: is told of every other status than Success.
    """
    answer = _answered(uid, store)
    if answer.status != Status.SUCCESS:
        refused(Status(answer.status))
    return answer


def _answered(uid: str, store: Callable[[], None]) -> StoreResponse:
    # an illegal UID could be anything, also a patient's name
    instance_uid = uid if is_legal_uid(uid) else "illegal"
    try:
        store()
    except NotStored as refusal:
        log.warning(
            "object_refused",
            sop_instance_uid=instance_uid,
            status=f"0x{refusal.status:04X}",
            detail=refusal.detail,
        )
        return response(refusal.status, refusal.detail)
    except SpoolFull as error:
        log.error("object_not_stored", sop_instance_uid=instance_uid, detail=error.detail)
        return response(Status.OUT_OF_RESOURCES, "the spool is full")
    except Unavailable as error:
        log.error("object_not_stored", sop_instance_uid=instance_uid, detail=error.detail)
        comment = "the ledger cannot be written; send again"
        return response(Status.OUT_OF_RESOURCES, comment)
    except Exception:  # a bug of ours: the sender keeps its copy, the association goes on
        log.exception("object_failed", sop_instance_uid=instance_uid)
        return response(Status.PROCESSING_FAILURE, "internal error; see the log of the node")
    return response(Status.SUCCESS)
