"""Storage commitment: an object counts as sent when the peer commits it; else it is sent again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event

from ich_node.config.config import Config
from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import ScpSettings, SeriesSettings, Source
from ich_node.deliver.loop import NOT_CONFIRMED, Sender
from ich_node.deliver.outlets.commitment_user import ANSWER_SECONDS
from ich_node.deliver.retry import RETRY_FOR
from ich_node.ledger import DeliveryState
from ich_node.network.requestor import TLS_OFF, association_with
from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, ask
from ich_node.receive import Listener
from tests.support.node import open_node
from tests.support.peers import (
    SECONDARY_CAPTURE,
    close_in_the_end,
    free_port,
    orthanc,
    shut_down,
    wait_until,
)
from tests.support.results import result_object
from tests.support.sending import SendingNode, pacs_at
from tests.support.standing_clock import START

HOUR = timedelta(hours=1)
SENT, STORED, FAILED = DeliveryState.SENT, DeliveryState.STORED, DeliveryState.FAILED


@dataclass(kw_only=True)
class BothEnds(SendingNode):
    """And the listener to which peers send their N-EVENT-REPORT."""

    port: int

    def asking_sender(
        self, port: int, ae_title: str = "PACS", *, answer_seconds: float = ANSWER_SECONDS
    ) -> Sender:
        """answer_seconds: how long it waits for an answer on the association of the request."""
        return replace(
            self.sender(destination(port, ae_title)), commitment_answer_seconds=answer_seconds
        )


def destination(port: int, ae_title: str = "PACS") -> DicomDestination:
    (one,) = pacs_at(port, ae_title=ae_title, storage_commitment=True)
    return one


@pytest.fixture
def node(tmp_path: Path) -> Iterator[BothEnds]:
    sources = (Source(name="pacs", ae_title="PACS"), Source(name="orthanc", ae_title="ORTHANC"))
    settings = ScpSettings(bind_address="127.0.0.1", port=0)
    with (
        open_node(tmp_path, SendingNode) as both,
        Listener(
            scp=settings,
            sources=sources,
            series=SeriesSettings(),
            spool=both.spool,
            ledger=both.ledger.receiving,
            clock=both.clock,
        ) as listener,
    ):
        yield BothEnds(**vars(both), port=listener.port)


@dataclass
class CommittingPacs:
    """Stores objects and answers requests for commitment as its fields say; does not commit those
    in `lost`.
    """

    call_back: int | None = None  # the port of the node; None: on the same association
    status: int = 0x0000
    is_mute: bool = False
    lost: set[str] = field(default_factory=set)
    received: list[str] = field(default_factory=list)
    requests: list[Dataset] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def store(self, event: Event) -> int:
        self.received.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def action(self, event: Event) -> tuple[int, None]:
        question = event.action_information
        self.requests.append(question)
        if self.status == 0x0000 and not self.is_mute:
            self.threads.append(threading.Thread(target=self.answer, args=(event.assoc, question)))
            self.threads[-1].start()
        return self.status, None

    def answer(self, same: Any, question: Dataset) -> None:
        report, kept, lost = Dataset(), [], []
        report.TransactionUID = question.TransactionUID
        for item in question.ReferencedSOPSequence:
            if item.ReferencedSOPInstanceUID in self.lost:
                item.FailureReason = 0x0112
                lost.append(item)
            else:
                kept.append(item)
        if kept:
            report.ReferencedSOPSequence = kept
        if lost:
            report.FailedSOPSequence = lost
        kind = 2 if lost else 1
        if self.call_back is None:
            threading.Event().wait(0.1)  # after the response to the request
            same.send_n_event_report(report, kind, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        else:
            tell(self.call_back, report, kind)


def tell(port: int, report: Dataset, kind: int, *, calling_ae: str = "PACS") -> int | None:
    """N-EVENT-REPORT to the node on a new association; its status, or None if there is none."""
    entity = AE(calling_ae)
    entity.add_requested_context(PUSH_MODEL, ExplicitVRLittleEndian)
    role = build_role(PUSH_MODEL, scp_role=True)
    assoc = entity.associate("127.0.0.1", port, ae_title="ICHNODE", ext_neg=[role])
    if not assoc.is_established:
        return None
    status, _ = assoc.send_n_event_report(report, kind, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    assoc.release()
    return int(status.Status)


@contextmanager
def committing_pacs(**behaviour: Any) -> Iterator[tuple[CommittingPacs, int]]:
    entity = AE("PACS")
    entity.add_supported_context(SECONDARY_CAPTURE, ExplicitVRLittleEndian)
    entity.add_supported_context(PUSH_MODEL, ExplicitVRLittleEndian)
    stand_in = CommittingPacs(**behaviour)
    handlers = [
        (evt.EVT_CONN_OPEN, close_in_the_end),
        (evt.EVT_C_STORE, stand_in.store),
        (evt.EVT_N_ACTION, stand_in.action),
    ]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield stand_in, server.server_address[1]
    finally:
        for thread in stand_in.threads:
            thread.join()
        shut_down(entity)


@pytest.mark.parametrize("way", ["on the same association", "on a new one"])
def test_sent_is_what_the_peer_commits(node: BothEnds, way: str) -> None:
    """Stored is not yet sent; the peer's commitment makes it so, on either association."""
    node.finish(3)
    with committing_pacs(call_back=node.port if way == "on a new one" else None) as (pacs, port):
        sender = node.asking_sender(port)
        sender.send_due()
        wait_until(lambda: node.states() == [SENT] * 3, what="the peer's answer")
    (request,) = pacs.requests
    assert [
        item.ReferencedSOPInstanceUID for item in request.ReferencedSOPSequence
    ] == pacs.received
    assert node.ledger.operator.events(1)[-1].event == "committed"


def test_what_the_peer_does_not_commit_is_sent_again(node: BothEnds) -> None:
    """The peer loses one of two objects after C-STORE: that one is sent again, with the reason in
    the ledger, and is committed then.
    """
    node.finish(2)
    with committing_pacs(call_back=node.port) as (pacs, port):
        lost = node.deliveries()[1].sop_instance_uid
        pacs.lost.add(lost)
        sender = node.asking_sender(port)
        sender.send_due()
        wait_until(
            lambda: node.states() == [SENT, STORED] and node.deliveries()[1].detail,
            what="the peer's answer",
        )
        assert sender.retry_uncommitted() == 1
        again = node.deliveries()[1]
        assert (again.state, again.next_at) == (
            DeliveryState.PENDING,
            START + timedelta(seconds=30),
        )
        assert (
            again.detail
            == "the peer does not keep the object: it does not have the object (0x0112)"
        )
        pacs.lost.clear()
        node.clock.now = again.next_at
        sender.send_due()
        wait_until(lambda: node.states() == [SENT, SENT], what="the second answer")
    assert pacs.received.count(lost) == 2


def test_without_an_answer_it_is_sent_again(node: BothEnds) -> None:
    """A peer that never answers: after commitment_timeout_seconds the objects are due again; after
    24 h they are given up.
    """
    node.finish(1)
    with committing_pacs(is_mute=True) as (pacs, port):
        sender = node.asking_sender(port, answer_seconds=0)
        sender.send_due()
        assert node.states() == [STORED]
        node.clock.now += HOUR - timedelta(seconds=1)
        assert sender.retry_uncommitted() == 0
        while node.states() != [FAILED]:
            node.clock.now += HOUR / 2
            sender.retry_uncommitted()
            sender.send_due()
    assert node.clock.now - START <= RETRY_FOR + 2 * HOUR
    assert 12 <= len(pacs.received) <= 24
    assert node.deliveries()[0].detail == NOT_CONFIRMED


@pytest.mark.parametrize("status", [0x0110, 0x0122])
def test_a_request_that_is_refused_is_no_commitment(node: BothEnds, status: int) -> None:
    """The peer stores the object and refuses the request: not sent, and the reason is kept."""
    node.finish(1)
    with committing_pacs(status=status) as (_, port):
        sender = node.asking_sender(port)
        sender.send_due()
    assert sender.retry_uncommitted() == 1
    (delivery,) = node.deliveries()
    assert delivery.state is DeliveryState.PENDING
    assert f"status 0x{status:04X}" in str(delivery.detail)


def report_of(transaction_uid: str, **sequences: Any) -> Dataset:
    report = Dataset()
    report.TransactionUID = transaction_uid
    for keyword, value in sequences.items():
        setattr(report, keyword, value)
    return report


@pytest.mark.parametrize(
    ("report", "status"),
    [(report_of("1.2.3"), 0x0000), (Dataset(), 0x0115)],
    ids=["unknown transaction", "no transaction"],
)
def test_an_answer_to_no_request_changes_nothing(
    node: BothEnds, report: Dataset, status: int
) -> None:
    """A late, forged or broken report is answered, and every delivery stays as it was."""
    node.finish(1)
    with committing_pacs(is_mute=True) as (_, port):
        node.asking_sender(port, answer_seconds=0).send_due()
    before = node.deliveries()
    report.PatientID = "1"
    assert tell(node.port, report, 1) == status
    assert node.deliveries() == before


def test_an_unknown_peer_cannot_commit(node: BothEnds) -> None:
    """Only [[sources]] may open an association to answer."""
    assert tell(node.port, report_of("1.2.3"), 1, calling_ae="STRANGER") is None


def test_an_answer_while_the_ledger_is_unavailable_is_refused(node: BothEnds) -> None:
    """0x0110 lets the peer answer again later; nothing is lost."""
    report = report_of("1.2.3")
    node.ledger.receiving.commitments.commitment_answered = unavailable  # type: ignore[method-assign]
    assert tell(node.port, report, 1) == 0x0110


def unavailable(*_: Any, **__: Any) -> int:
    from ich_node.errors import Unavailable

    raise Unavailable("away")


StartOrthanc = Callable[..., Any]


@contextmanager
def orthanc_that_knows(node: BothEnds, folder: Path, ae_title: str = "ICHNODE") -> Iterator[Any]:
    modality = {
        "AET": ae_title,
        "Host": "127.0.0.1",
        "Port": node.port,
        "AllowStorageCommitment": True,
        "AllowNEventReport": True,
    }
    with orthanc(folder, DicomModalities={"ichnode": modality}) as peer:
        yield peer


def test_orthanc_commits(node: BothEnds, tmp_path: Path) -> None:
    """A real PACS commits what it stored, on an association of its own."""
    node.finish(3)
    with orthanc_that_knows(node, tmp_path / "orthanc") as peer:
        node.asking_sender(peer.dicom_port, "ORTHANC").send_due()
        wait_until(lambda: node.states() == [SENT] * 3, what="Orthanc's answer")


def test_orthanc_does_not_commit_what_it_does_not_have(node: BothEnds, tmp_path: Path) -> None:
    """Asked for an object that never reached it, Orthanc says 0x0112 for that one and commits the
    other.
    """
    node.finish(2)
    with orthanc_that_knows(node, tmp_path / "orthanc") as peer:
        batch = node.ledger.delivery.claim_deliveries(owner="me", now=START, lease=HOUR, limit=9)
        ids = [delivery.id for delivery in batch]
        node.ledger.delivery.stored(
            ids, owner="me", now=START, transaction_uid="2.25.77", answer_by=START + HOUR
        )
        where = destination(peer.dicom_port, "ORTHANC")
        classes = [SECONDARY_CAPTURE, PUSH_MODEL]
        with association_with(
            where,
            calling_ae="ICHNODE",
            sop_classes=classes,
            transfer_syntaxes=[ExplicitVRLittleEndian],
            tls=TLS_OFF,
        ) as association:
            assert association.send_c_store(result_object(0)).Status == 0x0000
            ask(association, "2.25.77", batch)
        wait_until(
            lambda: node.states() == [SENT, STORED] and node.deliveries()[1].detail,
            what="Orthanc's answer",
        )
    assert "0x0112" in str(node.deliveries()[1].detail)


def test_orthanc_that_does_not_know_us_is_no_commitment(node: BothEnds, tmp_path: Path) -> None:
    """Orthanc stores the objects of an unknown AE title and answers the request without a status:
    not sent.
    """
    node.finish(1)
    with orthanc_that_knows(node, tmp_path / "orthanc", ae_title="OTHER") as peer:
        sender = node.asking_sender(peer.dicom_port, "ORTHANC")
        sender.send_due()
    assert sender.retry_uncommitted() == 1
    (delivery,) = node.deliveries()
    assert delivery.state is DeliveryState.PENDING
    assert "storage commitment" in str(delivery.detail)


def test_a_destination_that_may_not_call_back_is_a_mistake() -> None:
    """Without a [[sources]] entry its answer would be rejected, and every object sent again for a
    day.
    """
    with pytest.raises(ValueError, match="storage_commitment needs a"):
        Config(destinations=(destination(free_port()),))
