"""Objects by C-STORE: a batch is one association. The peer has an object only if its status is
0x0000, a warning (0xBxxx), or 0x0111: it has one of this UID already, and our UIDs are made from
the content.
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
from ich_node.deliver.outlets.commitment_user import CommitmentRequests
from ich_node.deliver.outlets.outlet import ALREADY_THERE, AwaitsCommitment, NotSent, Outcome, Sent
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import SENT_TRANSFER_SYNTAXES
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery
from ich_node.network.requestor import association_with
from ich_node.network.storage_commitment import PUSH_MODEL
from ich_node.notification import IDENTIFIER_KEYWORDS, Identifiers

DUPLICATE = 0x0111  # PS3.7 C.5.6


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """The storage commitment that is requested at the end of an association."""

    transaction_uid: str
    answer_within: timedelta


@dataclass(frozen=True, kw_only=True)
class DicomOutlet:
    """calling_ae: our title. commitments: needed where storage commitment is asked for."""

    destination: DicomDestination
    calling_ae: str
    tls: TlsSettings
    commitments: CommitmentRequests | None

    @contextmanager
    def connect(self, batch: Sequence[Delivery], /) -> Iterator["DicomConnection"]:
        """An association. If the destination is to commit, the request for it is sent at the end,
        for the objects that were stored.
        """
        sop_classes = sorted({delivery.sop_class_uid for delivery in batch})
        if not self.destination.storage_commitment or self.commitments is None:
            with association_with(
                self.destination,
                calling_ae=self.calling_ae,
                sop_classes=sop_classes,
                transfer_syntaxes=SENT_TRANSFER_SYNTAXES,
                tls=self.tls,
            ) as plain:
                yield DicomConnection(association=plain)
            return
        commitment = Commitment(
            transaction_uid=generate_uid(prefix=None),
            answer_within=timedelta(seconds=self.destination.commitment_timeout_seconds),
        )
        proposed = [*sop_classes, PUSH_MODEL]
        handlers = self.commitments.handlers()
        with association_with(
            self.destination,
            calling_ae=self.calling_ae,
            sop_classes=proposed,
            transfer_syntaxes=SENT_TRANSFER_SYNTAXES,
            tls=self.tls,
            handlers=handlers,
        ) as association:
            connection = DicomConnection(association=association, commitment=commitment)
            yield connection
            self.commitments.request(
                association,
                transaction_uid=commitment.transaction_uid,
                stored=connection.stored,
            )

    def echo(self) -> str:
        """C-ECHO."""
        with association_with(
            self.destination,
            calling_ae=self.calling_ae,
            sop_classes=[VERIFICATION],
            transfer_syntaxes=SENT_TRANSFER_SYNTAXES,
            tls=self.tls,
        ) as association:
            answer = association.send_c_echo()
        if "Status" not in answer:
            raise PeerUnavailable("accepts our association but does not answer C-ECHO")
        if answer.Status != 0x0000:
            raise PeerUnavailable(f"answers C-ECHO with status 0x{answer.Status:04X}")
        return f"answers C-ECHO to '{self.calling_ae}'"


@dataclass(frozen=True, kw_only=True)
class DicomConnection:
    """commitment: None if none is requested. stored: the deliveries it will be requested for."""

    association: Association
    commitment: Commitment | None = None
    stored: list[Delivery] = field(default_factory=list)

    def send(self, delivery: Delivery, data: bytes, /) -> Outcome:
        """See Connection."""
        try:
            ds = dcmread(BytesIO(data))
        except InvalidDicomError:
            return NotSent(reason=f"{delivery.path} in the spool is not a DICOM file")
        outcome = c_store(self.association, ds)
        if not isinstance(outcome, Sent):
            return outcome
        self.stored.append(delivery)
        if self.commitment is None:
            return outcome
        return AwaitsCommitment(
            transaction_uid=self.commitment.transaction_uid,
            answer_within=self.commitment.answer_within,
            warning=outcome.warning,
        )


def _decompress_for(association: Association, ds: Dataset) -> None:
    """A peer that does not accept compressed pixels gets the same pixels uncompressed, under the
    same SOP Instance UID.
    """
    syntax = ds.file_meta.TransferSyntaxUID
    accepted = [
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == ds.SOPClassUID
    ]
    if accepted and syntax.is_compressed and syntax not in accepted:
        ds.decompress(generate_instance_uid=False)


def _masked(comment: str, ds: Dataset) -> str:
    """The comment of a peer, which may quote the patient."""
    try:
        values = {name: str(ds.get(key) or "") for name, key in IDENTIFIER_KEYWORDS.items()}
    except PARSING_ERRORS:
        return "***"
    return Identifiers(**values).masked_in(comment)


def c_store(association: Association, ds: Dataset) -> Sent | NotSent:
    """Send one object. Raises PeerUnavailable if the association is gone."""
    if not association.is_established:
        raise PeerUnavailable("the association ended before this object")
    _decompress_for(association, ds)
    try:
        answer = association.send_c_store(ds)
    except ValueError:
        reason = f"the peer accepts no presentation context for {ds.SOPClassUID.name}"
        return NotSent(reason=reason)
    except RuntimeError as error:
        raise PeerUnavailable("the association ended before this object") from error
    if "Status" not in answer:
        raise PeerUnavailable("the peer did not answer C-STORE, or broke the association")
    status: int = answer.Status
    words = f"status 0x{status:04X}"
    if "ErrorComment" in answer:
        words += f" ({_masked(answer.ErrorComment, ds)})"
    if status == 0x0000:
        return Sent()
    if status >> 12 == 0xB:
        return Sent(warning=f"stored with a warning: {words}")
    if status == DUPLICATE:
        return Sent(warning=f"{ALREADY_THERE}: {words}")
    return NotSent(reason=f"the peer refuses the object: {words}")
