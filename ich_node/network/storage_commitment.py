"""Storage Commitment Push Model (PS3.4 Annex J): ask a peer whether it keeps what it took, and
write down what it says.

The answer comes as N-EVENT-REPORT, on the association of the question or on one that the peer opens
later: both ends of this node, the sender and the listener, record it in the same way.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.events import Event

from ich_node.errors import PeerUnavailable, Unavailable
from ich_node.ledger import CommitmentLedger, Delivery

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


def ask(association: Association, transaction_uid: str, deliveries: Iterable[Delivery]) -> None:
    """N-ACTION for these objects. Raises PeerUnavailable, in words, if the peer does not take the
    question.
    """
    question = Dataset()
    question.TransactionUID = transaction_uid
    question.ReferencedSOPSequence = [_reference(delivery) for delivery in deliveries]
    try:
        answer, _ = association.send_n_action(
            question, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE
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
            "the peer does not answer the request for storage commitment (does it know our AE title?)"
        )
    if answer.Status != SUCCESS:
        raise PeerUnavailable(
            f"the peer refuses the request for storage commitment: status 0x{answer.Status:04X}"
        )


def record_answer(
    event: Event, ledger: CommitmentLedger, clock: Callable[[], datetime]
) -> tuple[int, None]:
    """EVT_N_EVENT_REPORT: write down what was committed and what was not; the status that the peer
    gets.
    """
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
        log.warning("commitment_not_understood", error=type(error).__name__)
        return INVALID_ARGUMENT, None
    try:
        heard = ledger.commitment_answered(
            transaction_uid, committed=committed, failed=failed, now=clock()
        )
    except Unavailable as error:
        log.error("commitment_not_recorded", transaction_uid=transaction_uid, detail=error.detail)
        return PROCESSING_FAILURE, None
    except Exception:  # a bug of ours: the peer keeps its answer
        log.exception("commitment_failed", transaction_uid=transaction_uid)
        return PROCESSING_FAILURE, None
    # An answer that comes too late is about a transaction that was given up: the objects are on
    # their way again.
    log.info(
        "commitment_answered",
        transaction_uid=transaction_uid,
        committed=len(committed),
        failed=failed,
        heard=heard,
    )
    return SUCCESS, None


def _reference(delivery: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = delivery.sop_class_uid
    item.ReferencedSOPInstanceUID = delivery.sop_instance_uid
    return item


def _reason(item: Dataset) -> str:
    code = item.get("FailureReason")
    if code is None:
        return "the peer does not keep the object, and does not say why"
    return f"the peer does not keep the object: {FAILURE_REASONS.get(code, 'for another reason')} (0x{code:04X})"
