"""Storage commitment as its provider (PS3.4 Annex J): say of each object whether this node keeps
it. A request that names all objects of a series ends the wait for more of it.

Only for sources with storage_commitment = true: a sender may delete its copy when it is committed,
and this node keeps objects for [spool] retention_days, not for ever.
"""

import threading
from collections.abc import Sequence

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF

from ich_node.config.settings import Source
from ich_node.errors import Unavailable
from ich_node.ledger import Instance, ReceiverLedger
from ich_node.network.entity import application_entity
from ich_node.network.requestor import ACSE_SECONDS, CONNECT_SECONDS, Requestor
from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_COMMITMENT
from ich_node.receive.completion import Completion
from ich_node.spool import Spool

ALL_COMMITTED, SOME_FAILED = 1, 2  # Event Type ID
NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0112, 0x0119  # Failure Reason
SUCCESS, INVALID_ARGUMENT, NO_SUCH_ACTION, NOT_AUTHORISED = 0x0000, 0x0115, 0x0123, 0x0124
MOST_OBJECTS = 10_000
RESPONSE_SECONDS = 10.0  # after this the association is gone; the report then goes to the listener

log = structlog.get_logger(__name__)


class CommitmentProvider:
    """Answers sources that ask whether we keep what they sent."""

    def __init__(
        self, *, ae_title: str, spool: Spool, ledger: ReceiverLedger, completion: Completion
    ) -> None:
        self._ae_title = ae_title
        self._spool = spool
        self._ledger = ledger
        self._completion = completion

    def on_request(self, event: Event, source: Source) -> tuple[int, None]:
        """EVT_N_ACTION: the status of the response. The result follows as N-EVENT-REPORT."""
        if not source.storage_commitment:
            return NOT_AUTHORISED, None
        if event.action_type != REQUEST_COMMITMENT:
            return NO_SUCH_ACTION, None
        try:
            request = event.action_information
            transaction_uid = str(request.TransactionUID)
            requested = [
                (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                for item in request.ReferencedSOPSequence
            ]
        except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
            log.warning(
                "commitment_request_not_understood", source=source.name, error=type(error).__name__
            )
            return INVALID_ARGUMENT, None
        if not 0 < len(requested) <= MOST_OBJECTS:
            return INVALID_ARGUMENT, None
        # In a thread of its own: the response to the request must go out first, and this thread
        # must be free to receive the response to the report.
        is_answered = _response_sent(event.assoc)
        thread = threading.Thread(
            target=self._report,
            args=(event.assoc, is_answered, source, transaction_uid, requested),
            name="commitment",
            daemon=True,
        )
        thread.start()
        return SUCCESS, None

    def _report(
        self,
        association: Association,
        is_answered: threading.Event,
        source: Source,
        transaction_uid: str,
        requested: Sequence[tuple[str, str]],
    ) -> None:
        known = {"source": source.name, "transaction_uid": transaction_uid}
        # pynetdicom's requestor aborts if the report comes before the response
        is_answered.wait(RESPONSE_SECONDS)
        try:
            held = self._ledger.find([uid for _, uid in requested])
            report, failed = self._report_of(transaction_uid, requested, held)
            self._completion.committed(association, held)
        # Without a report the sender keeps its copy and asks again.
        except Unavailable as error:
            log.error("commitment_not_reported", detail=error.detail, **known)
            return
        except Exception:  # a bug of ours, in a thread of its own
            log.exception("commitment_not_reported", **known)
            return
        event_type = SOME_FAILED if failed else ALL_COMMITTED
        # A new association first: a sender that listens for one often ends the old one at this
        # moment, and the report on it would wait in vain for its response.
        is_taken = self._send_to_listener(association, source, report, event_type) or _send(
            association, report, event_type
        )
        log.info(
            "commitment_reported",
            committed=len(requested) - failed,
            failed=failed,
            is_taken=is_taken,
            **known,
        )

    def _report_of(
        self, transaction_uid: str, requested: Sequence[tuple[str, str]], held: Sequence[Instance]
    ) -> tuple[Dataset, int]:
        """The data set of the N-EVENT-REPORT, and how many objects failed."""
        instances = {instance.sop_instance_uid: instance for instance in held}
        committed, failed = [], []
        for sop_class_uid, sop_instance_uid in requested:
            item = Dataset()
            item.ReferencedSOPClassUID = sop_class_uid
            item.ReferencedSOPInstanceUID = sop_instance_uid
            reason = self._failure_reason(sop_class_uid, instances.get(sop_instance_uid))
            if reason is None:
                committed.append(item)
            else:
                item.FailureReason = reason
                failed.append(item)
        report = Dataset()
        report.TransactionUID = transaction_uid
        # PS3.4 table J.3-2: each sequence only if it has items
        if committed:
            report.ReferencedSOPSequence = committed
        if failed:
            report.FailedSOPSequence = failed
        return report, len(failed)

    def _failure_reason(self, sop_class_uid: str, instance: Instance | None) -> int | None:
        """None if the object is kept, complete."""
        if instance is None or not self._spool.holds(instance.path, instance.size_bytes):
            return NO_SUCH_OBJECT
        return None if instance.sop_class_uid == sop_class_uid else CLASS_CONFLICT

    def _send_to_listener(
        self, association: Association, source: Source, report: Dataset, event_type: int
    ) -> bool:
        """On a new association with the source's commitment_port; False without one."""
        if source.commitment_port is None:
            return False
        entity = application_entity(self._ae_title, Requestor)
        entity.connection_timeout, entity.acse_timeout = CONNECT_SECONDS, ACSE_SECONDS
        entity.add_requested_context(PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        own = entity.associate(
            association.requestor.address,
            source.commitment_port,
            ae_title=source.ae_title,
            ext_neg=[build_role(PUSH_MODEL, scp_role=True)],
        )
        is_taken = _send(own, report, event_type)
        if own.is_established:
            own.release()
        return is_taken


def _response_sent(association: Association) -> threading.Event:
    """Set when the response to the request of this moment is on its way: the next P-DATA."""
    sent = threading.Event()

    def on_sent(event: Event) -> None:
        if isinstance(event.pdu, P_DATA_TF):
            sent.set()

    association.bind(evt.EVT_PDU_SENT, on_sent)
    return sent


def _send(association: Association, report: Dataset, event_type: int) -> bool:
    """Whether the peer took the report."""
    if not association.is_established:
        return False
    try:
        status, _ = association.send_n_event_report(
            report, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
    except (RuntimeError, ValueError):  # the association ended, or has no context for the report
        return False
    return bool(status.get("Status") == SUCCESS)
