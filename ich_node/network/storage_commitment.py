"""Storage Commitment Push Model (PS3.4 Annex J) as its user: ask a peer whether it keeps the
objects that it took, and record its answer.

The answer is an N-EVENT-REPORT, on the association of the request or on one that the peer opens
later. Both the sender and the listener of this node may get it, and record it in the same way.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.events import Event

from ich_node.errors import PeerUnavailable, Unavailable

PUSH_MODEL = UID("1.2.840.10008.1.20.1")
PUSH_MODEL_INSTANCE = UID("1.2.840.10008.1.20.1.1")
REQUEST_COMMITMENT = 1
SUCCESS, PROCESSING_FAILURE, INVALID_ARGUMENT = 0x0000, 0x0110, 0x0115
# (0008,1197) Failure Reason, PS3.3 C.14.1.1
FAILURE_REASONS = {
    0x0110: "processing failure",
    0x0112: "it does not have the object",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}

log = structlog.get_logger(__name__)


class SentObject(Protocol):
    """An object that a peer took."""

    @property
    def sop_class_uid(self) -> str: ...
    @property
    def sop_instance_uid(self) -> str: ...


class RecordAnswer(Protocol):
    """Records what the peer keeps, by SOP Instance UID; how many deliveries waited for it."""

    def __call__(
        self,
        transaction_uid: str,
        *,
        committed: Collection[str],
        failed: Mapping[str, str],
        now: datetime,
    ) -> int: ...


def ask(association: Association, transaction_uid: str, objects: Iterable[SentObject]) -> None:
    """Request commitment of these objects (N-ACTION).

    Raises PeerUnavailable with a sentence if the peer does not take the request.
    """
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(sent) for sent in objects]
    try:
        answer, _ = association.send_n_action(
            request, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
    except ValueError as error:
        raise PeerUnavailable(
            "the peer accepts no presentation context for storage commitment"
        ) from error
    except RuntimeError as error:
        raise PeerUnavailable(
            "the association ended before storage commitment was asked for"
        ) from error
    if "Status" not in answer:
        raise PeerUnavailable(
            "the peer does not answer the request for storage commitment"
            " (does it know our AE title?)"
        )
    if answer.Status != SUCCESS:
        raise PeerUnavailable(
            f"the peer refuses the request for storage commitment: status 0x{answer.Status:04X}"
        )


def record_answer(
    event: Event, *, record: RecordAnswer, clock: Callable[[], datetime]
) -> tuple[int, None]:
    """EVT_N_EVENT_REPORT: record what the peer committed; the status of the response."""
    try:
        report = event.event_information
        transaction_uid = str(report.TransactionUID)
        committed = [
            str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence") or ()
        ]
        failed = {
            str(item.ReferencedSOPInstanceUID): _reason(item)
            for item in report.get("FailedSOPSequence") or ()
        }
    except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
        log.warning("commitment_report_not_understood", error=type(error).__name__)
        return INVALID_ARGUMENT, None
    try:
        deliveries = record(transaction_uid, committed=committed, failed=failed, now=clock())
    except Unavailable as error:
        log.error("commitment_not_recorded", transaction_uid=transaction_uid, detail=error.detail)
        return PROCESSING_FAILURE, None
    except Exception:  # a bug of ours: the peer gets a failure and may report again
        log.exception("commitment_failed", transaction_uid=transaction_uid)
        return PROCESSING_FAILURE, None
    # An answer that comes too late belongs to a transaction that was given up; its objects are
    # being sent again.
    log.info(
        "commitment_answered",
        transaction_uid=transaction_uid,
        committed=len(committed),
        failed=failed,
        deliveries=deliveries,
    )
    return SUCCESS, None


def _reference(sent: SentObject) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sent.sop_class_uid
    item.ReferencedSOPInstanceUID = sent.sop_instance_uid
    return item


def _reason(item: Dataset) -> str:
    code = item.get("FailureReason")
    if code is None:
        return "the peer does not keep the object, and does not say why"
    reason = FAILURE_REASONS.get(code, "for another reason")
    return f"the peer does not keep the object: {reason} (0x{code:04X})"
