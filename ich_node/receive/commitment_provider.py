"""Storage commitment for senders (PS3.4 Annex J): say of each object whether it is here, whole. The
question closes its series.

Only for sources with storage_commitment = true: a sender may delete its copy on our word, and this
node keeps objects for [spool] retention_days, not for ever.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role
from pynetdicom.association import Association
from pynetdicom.events import Event

from ich_node.config.settings import Source
from ich_node.errors import Unavailable
from ich_node.ledger import Instance, ReceiverLedger
from ich_node.network.entity import application_entity
from ich_node.network.requestor import ACSE_SECONDS, CONNECT_SECONDS, Requestor
from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_COMMITMENT
from ich_node.receive.completion import Completion
from ich_node.receive.status import Status
from ich_node.spool import Spool

COMMITTED, SOME_FAILED = 1, 2  # Event Type ID
NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0112, 0x0119  # Failure Reason
NO_SUCH_ACTION, INVALID_ARGUMENT = 0x0123, 0x0115
MOST_OBJECTS = 10_000

log = structlog.get_logger(__name__)


class Commitment:
    """Answers senders who ask whether we keep what they sent."""

    def __init__(
        self,
        ae_title: str,
        spool: Spool,
        ledger: ReceiverLedger,
        completion: Completion,
        clock: Callable[[], datetime],
    ) -> None:
        self._ae_title = ae_title
        self._spool = spool
        self._ledger = ledger
        self._completion = completion
        self._clock = clock

    def on_question(self, event: Event, source: Source | None) -> tuple[int, None]:
        """EVT_N_ACTION: the status; the answer itself follows by N-EVENT-REPORT."""
        if source is None or not source.storage_commitment:
            return Status.NOT_AUTHORISED, None
        if event.action_type != REQUEST_COMMITMENT:
            return NO_SUCH_ACTION, None
        try:
            question = event.action_information
            transaction_uid = str(question.TransactionUID)
            asked = [
                (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                for item in question.ReferencedSOPSequence
            ]
        except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
            log.warning(
                "commitment_request_not_understood", source=source.name, error=type(error).__name__
            )
            return INVALID_ARGUMENT, None
        if not 0 < len(asked) <= MOST_OBJECTS:
            return INVALID_ARGUMENT, None
        # Not from here: the response to the question goes out first, and this thread must be free
        # for what comes back.
        answer = threading.Thread(
            target=self._answer,
            args=(event.assoc, source, transaction_uid, asked),
            name="commitment",
            daemon=True,
        )
        answer.start()
        return Status.SUCCESS, None

    def _answer(
        self,
        association: Association,
        source: Source,
        transaction_uid: str,
        asked: Sequence[tuple[str, str]],
    ) -> None:
        known = {"source": source.name, "transaction_uid": transaction_uid}
        try:
            held = self._ledger.find([uid for _, uid in asked])
            report, failed = self._report(transaction_uid, asked, held)
            self._completion.closed(association, held)
        # no answer is an answer, too: the sender keeps its copy and asks again
        except Unavailable as error:
            log.error("commitment_not_answered", detail=error.detail, **known)
            return
        except Exception:  # a bug of ours, in a thread of its own
            log.exception("commitment_not_answered", **known)
            return
        kind = SOME_FAILED if failed else COMMITTED
        # A new association first: who listens for one often ends the old one at this moment, and
        # would leave us waiting on it.
        told = self._call_back(association, source, report, kind) or _tell(
            association, report, kind
        )
        log.info(
            "commitment_given", committed=len(asked) - failed, failed=failed, told=told, **known
        )

    def _report(
        self, transaction_uid: str, asked: Sequence[tuple[str, str]], held: Sequence[Instance]
    ) -> tuple[Dataset, int]:
        """The N-EVENT-REPORT's data set, and how many objects failed."""
        instances = {instance.sop_instance_uid: instance for instance in held}
        committed, failed = [], []
        for sop_class_uid, sop_instance_uid in asked:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = (
                sop_class_uid,
                sop_instance_uid,
            )
            reason = self._why_not(sop_class_uid, instances.get(sop_instance_uid))
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

    def _why_not(self, sop_class_uid: str, instance: Instance | None) -> int | None:
        if instance is None or not self._spool.holds(instance.path, instance.size_bytes):
            return NO_SUCH_OBJECT
        return None if instance.sop_class_uid == sop_class_uid else CLASS_CONFLICT

    def _call_back(
        self, association: Association, source: Source, report: Dataset, kind: int
    ) -> bool:
        """On a new association, where the source says that it listens."""
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
        told = _tell(own, report, kind)
        if own.is_established:
            own.release()
        return told


def _tell(association: Association, report: Dataset, kind: int) -> bool:
    """Whether the peer took the report."""
    if not association.is_established:
        return False
    try:
        status, _ = association.send_n_event_report(report, kind, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    except (RuntimeError, ValueError):  # the association ended, or was opened without the context
        return False
    return bool(status.get("Status") == Status.SUCCESS)
