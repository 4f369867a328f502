"""Objects by C-STORE: a batch is one association. Taken means 0x0000 or a warning (0xBxxx), nothing
else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import generate_uid
from pynetdicom.association import Association

from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.commitment_user import Commitments
from ich_node.deliver.outlets.outlet import NotSent, Taken
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import SENT_TRANSFER_SYNTAXES
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery
from ich_node.network.requestor import association_with
from ich_node.network.storage_commitment import PUSH_MODEL


@dataclass(frozen=True, kw_only=True)
class DicomOutlet:
    """calling_ae: our title. commitments: needed where storage commitment is asked for."""

    destination: DicomDestination
    calling_ae: str
    tls: TlsSettings
    commitments: Commitments | None

    @contextmanager
    def connect(self, batch: Sequence[Delivery]) -> Iterator["DicomLine"]:
        """An association; at its end the question whether the peer keeps what it took, if it is to
        be asked.
        """
        sop_classes = sorted({delivery.sop_class_uid for delivery in batch})
        if not self.destination.storage_commitment or self.commitments is None:
            with association_with(
                self.destination, self.calling_ae, sop_classes, SENT_TRANSFER_SYNTAXES, self.tls
            ) as plain:
                yield DicomLine(association=plain)
            return
        question = Taken(
            transaction_uid=generate_uid(prefix=None),
            answer_within=timedelta(seconds=self.destination.commitment_timeout_seconds),
        )
        asked = [*sop_classes, PUSH_MODEL]
        handlers = self.commitments.handlers()
        with association_with(
            self.destination, self.calling_ae, asked, SENT_TRANSFER_SYNTAXES, self.tls, handlers
        ) as association:
            line = DicomLine(association=association, question=question)
            yield line
            self.commitments.ask(association, str(question.transaction_uid), line.stored)

    def echo(self) -> str:
        """C-ECHO."""
        with association_with(
            self.destination, self.calling_ae, [VERIFICATION], SENT_TRANSFER_SYNTAXES, self.tls
        ) as association:
            answer = association.send_c_echo()
        if "Status" not in answer:
            raise PeerUnavailable("accepts our association but does not answer C-ECHO")
        if answer.Status != 0x0000:
            raise PeerUnavailable(f"answers C-ECHO with status 0x{answer.Status:04X}")
        return f"answers C-ECHO to '{self.calling_ae}'"


@dataclass(frozen=True, kw_only=True)
class DicomLine:
    """question: the storage commitment of this association; stored: what it will be asked of."""

    association: Association
    question: Taken = Taken()  # noqa: RUF009 - frozen
    stored: list[Delivery] = field(default_factory=list)

    def send(self, delivery: Delivery, data: bytes) -> Taken:
        """See Line."""
        try:
            ds = dcmread(BytesIO(data))
        except InvalidDicomError as error:
            raise NotSent(f"{delivery.path} in the spool is not a DICOM file") from error
        detail = c_store(self.association, ds)
        self.stored.append(delivery)
        return Taken(
            detail=detail,
            transaction_uid=self.question.transaction_uid,
            answer_within=self.question.answer_within,
        )


def _decompress_for(association: Association, ds: Dataset) -> None:
    """A peer that does not take compressed pixels gets the same ones as they are, under the same
    UID.
    """
    syntax = ds.file_meta.TransferSyntaxUID
    taken = [
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == ds.SOPClassUID
    ]
    if taken and syntax.is_compressed and syntax not in taken:
        ds.decompress(generate_instance_uid=False)


def c_store(association: Association, ds: Dataset) -> str:
    """Send one object; the warning in words, or nothing.

    Raises NotSent if the peer refuses this object, PeerUnavailable if the association is gone.
    """
    if not association.is_established:
        raise PeerUnavailable("the association ended before this object")
    _decompress_for(association, ds)
    try:
        answer = association.send_c_store(ds)
    except ValueError as error:
        raise NotSent(
            f"the peer accepts no presentation context for {ds.SOPClassUID.name}"
        ) from error
    except RuntimeError as error:
        raise PeerUnavailable("the association ended before this object") from error
    if "Status" not in answer:
        raise PeerUnavailable("the peer did not answer C-STORE, or broke the association")
    words = f"status 0x{answer.Status:04X}" + (
        f" ({answer.ErrorComment})" if "ErrorComment" in answer else ""
    )
    if answer.Status == 0x0000:
        return ""
    if answer.Status >> 12 == 0xB:
        return f"taken with warning: {words}"
    raise NotSent(f"the peer refuses the object: {words}")
