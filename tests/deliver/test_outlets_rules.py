"""Which destination gets which notification, in which order, and which are superseded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset

from ich_node.answer import Answer
from ich_node.config.destinations import (
    DicomDestination,
    Hl7Destination,
    OutletSettings,
    WebhookDestination,
)
from ich_node.deliver.outlets.oru import oru_r01
from ich_node.dicom.geometry import LEAST_SLICES
from ich_node.ledger import DeliveryState, JobState
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector
from ich_node.notification import KIND, NotANotification, Notification, decode
from tests.support.analysing import AnalysingNode
from tests.support.heads import head_series
from tests.support.mllp_receiver import MllpReceiver, acknowledged, hl7, mllp_receiver
from tests.support.node import open_node
from tests.support.notifications import SECRETS, in_format_1
from tests.support.notifying import NotifyingNode
from tests.support.peers import pacs
from tests.support.results import give_results, result_object
from tests.support.standing_clock import START


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NotifyingNode]:
    with open_node(tmp_path, NotifyingNode) as opened:
        yield opened


@pytest.fixture
def ris() -> Iterator[MllpReceiver]:
    with mllp_receiver() as receiver:
        yield receiver


def series_of(message: str) -> int:
    """Which of the node's series a message is about."""
    return int(message.split("113014^DICOM Study^DCM||")[1].split("|")[0].split(".")[-1])


def test_positive_readings_go_first(node, ris):
    """However long the negative ones have waited."""
    for series, positive in ((1, False), (2, None), (3, True), (4, False), (5, True)):
        node.owe("ris", series=series, positive=positive)
        node.clock.now += timedelta(seconds=1)
    sender = node.sender(hl7(ris.port))
    while sender.send_due():
        pass
    assert [series_of(message) for message in ris.received] == [3, 5, 1, 2, 4]


def test_a_destination_with_a_higher_priority_is_served_first(node, ris):
    """By default notifications before objects; of two receivers the one that the site prefers."""
    give_results(
        node.ledger,
        node.spool,
        [result_object(0, series=7)],
        ("pacs",),
        START - timedelta(hours=1),
    )
    for series in (1, 2):
        node.owe("slow", "fast", series=series)
    order: list[str] = []
    with pacs() as peer, mllp_receiver() as other:
        destinations = (
            DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=peer.port),
            hl7(ris.port, name="slow"),
            hl7(other.port, name="fast", priority=11),
        )
        sender = node.sender(*destinations)
        while sender.send_due():
            sent = [
                each.destination for each in node.deliveries() if each.state is DeliveryState.SENT
            ]
            order += [name for name in set(sent) if order.count(name) < sent.count(name)]
    assert order == ["fast", "fast", "slow", "slow", "pacs"]


def test_only_if_positive_gets_no_negative_result():
    """Unless it got those of an earlier revision: a worklist that got "suspected" must get the
    correction, too.
    """
    rule = OutletSettings.should_receive
    picky = WebhookDestination(
        name="w", kind="webhook", url="https://h/", secret_file="s", only_if_positive=True
    )
    everything = Hl7Destination(name="r", kind="hl7", host="h", port=1)
    assert rule(picky, is_negative=False, earlier_destinations=())
    assert not rule(picky, is_negative=True, earlier_destinations={"r"})
    assert rule(picky, is_negative=True, earlier_destinations={"w"})
    assert rule(everything, is_negative=True, earlier_destinations=())


def test_a_notification_that_waited_is_superseded_by_the_newer_one(node, ris):
    """The receiver was down: when it is back it gets the correction, and the corrected notification
    does not follow.
    """
    ris.answer = lambda _: b""
    first = node.owe("ris", positive=True)
    sender = node.sender(hl7(ris.port))
    sender.send_due()
    node.clock.now += timedelta(seconds=1)
    node.owe("ris", positive=False, replaces=first.uid)
    ris.answer = acknowledged
    ris.received.clear()
    node.clock.now += timedelta(minutes=30)
    while sender.send_due():
        pass
    assert sorted(node.states()) == [DeliveryState.SENT, DeliveryState.SUPERSEDED]
    assert ["NOT_FOUND^" in message for message in ris.received] == [True]
    assert "superseded" in [event.event for event in node.ledger.operator.events(1)]
    node.clock.now += timedelta(days=30)
    paths = node.ledger.maintenance.sweep_series(
        idle_since=node.clock.now - timedelta(days=1),
        failed_too=False,
        limit=9,
        now=node.clock.now,
    )
    assert paths, "a superseded notification keeps no file"


def test_another_series_or_another_receiver_supersedes_nothing(node, ris):
    """Only the same series to the same receiver."""
    node.owe("ris", series=1)
    node.owe("ris", series=2)
    node.owe("else", series=1)
    sender = node.sender(hl7(ris.port))
    while sender.send_due():
        pass
    assert len(ris.received) == 2


def test_bytes_that_are_no_notification_wait_with_a_reason(node, ris):
    """A damaged file in the spool delays nothing else."""
    node.owe("ris")
    (delivery,) = node.deliveries()
    node.spool.absolute(delivery.path).write_bytes(b'{"format": 1}')
    node.sender(hl7(ris.port)).send_due()
    assert node.detail() == "The bytes are not a notification."
    with pytest.raises(NotANotification, match="another version of ich-node"):
        decode(b'{"format": 99}')


def test_what_waited_during_an_update_is_sent(node, ris):
    """A notification in the format of earlier versions, under its control id."""
    made = node.owe("ris", positive=None)
    (delivery,) = node.deliveries()
    node.spool.absolute(delivery.path).write_bytes(in_format_1(made))
    node.sender(hl7(ris.port)).send_due()
    assert node.states() == [DeliveryState.SENT]
    assert ris.received == [oru_r01(made, hl7(ris.port)).text.decode()]


# --- from the analyser

NOTIFIED = (
    DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104),
    hl7(2575),
    WebhookDestination(
        name="worklist", kind="webhook", url="https://h/", secret_file="s", only_if_positive=True
    ),
)


@contextmanager
def open_analysing_node(
    folder: Path, bundle: Path, destinations=NOTIFIED
) -> Iterator[AnalysingNode]:
    """Its bundle calls everything positive."""
    with open_node(folder, AnalysingNode, bundle=bundle, destinations=destinations) as node:
        yield node


@pytest.fixture
def analysing(tmp_path: Path, untrained_bundle: Path) -> Iterator[AnalysingNode]:
    with open_analysing_node(tmp_path, untrained_bundle) as node:
        yield node


def owed(node: AnalysingNode, job_id: int = 1) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for delivery in node.ledger.operator.deliveries(job_id):
        kinds.setdefault(delivery.destination, set()).add(delivery.kind)
    return kinds


def notifications(node: AnalysingNode) -> list[Notification]:
    return [
        decode(node.spool.read(result.path))
        for job in reversed(node.ledger.operator.list())
        for result in node.ledger.operator.results(job.id)
        if result.kind == KIND
    ]


def identified_head() -> list[Dataset]:
    """The smallest series that is read as a head (80 mm), and one slice more."""
    datasets = head_series(LEAST_SLICES + 2)
    for dataset in datasets:
        dataset.PatientID, dataset.PatientName, dataset.AccessionNumber = (
            "MRN-4711-X",
            "Nobodysname^Zuzana",
            "ACC-0815",
        )
    return datasets


@pytest.fixture(scope="module")
def detector(untrained_bundle: Path) -> Detector:
    return Detector(open_bundle(untrained_bundle))


@pytest.fixture(scope="module")
def two_revisions(
    tmp_path_factory: pytest.TempPathFactory, untrained_bundle: Path, detector: Detector
) -> Iterator[AnalysingNode]:
    """A series that was read, and read again after its last slice came late. Tests only look."""
    *first, late = identified_head()
    with open_analysing_node(tmp_path_factory.mktemp("revisions"), untrained_bundle) as node:
        node.receive(first)
        node.analyser.read_next(detector)
        node.clock.now += timedelta(minutes=1)
        node.receive([late])
        node.analyser.read_next(detector)
        yield node


def test_a_reading_gives_one_notification_and_its_objects(two_revisions):
    """Objects go to the PACS alone, the notification to the others alone; it names the SR."""
    kinds = owed(two_revisions)
    assert kinds["ris"] == kinds["worklist"] == {KIND}
    assert KIND not in kinds["pacs"]
    assert "sr" in kinds["pacs"]
    first = notifications(two_revisions)[0]
    results = two_revisions.ledger.operator.results(1)
    assert [result.kind for result in results].count(KIND) == 1
    assert first.answer is Answer.PRESENT
    assert first.report_uid == next(
        result.sop_instance_uid for result in results if result.kind == "sr"
    )
    assert first.slices == LEAST_SLICES + 1
    assert first.identifiers.patient_id == "MRN-4711-X"
    assert first.encode() == two_revisions.spool.read(results[-1].path)
    assert not [secret for secret in SECRETS if secret in json.dumps(first.public(), default=str)]


def test_a_later_revision_replaces_the_earlier(two_revisions):
    """`replaces` names the uid of the earlier notification."""
    one, two = notifications(two_revisions)
    assert (one.replaces, two.replaces, two.revision) == (None, one.uid, 2)


def test_reading_twice_gives_the_same_notification(two_revisions, analysing, detector):
    """After a crash the second try makes the same bytes under the same uid."""
    analysing.receive(identified_head()[:-1])
    analysing.analyser.read_next(detector)
    (repeated,) = notifications(analysing)
    assert repeated.encode() == notifications(two_revisions)[0].encode()


def test_a_refused_series_gives_a_notification_that_says_so(analysing, detector):
    """Also to who wants positive results only, and waits for one; with the reason, and never as
    "not found".
    """
    datasets = identified_head()
    for dataset in datasets:
        dataset.ConvolutionKernel = "H60s"
    analysing.receive(datasets)
    analysing.analyser.read_next(detector)
    analysing.make_teller().tell_refused(analysing.clock.now)
    assert analysing.job.state is JobState.REFUSED
    assert owed(analysing) == {"pacs": {"sr"}, "ris": {KIND}, "worklist": {KIND}}
    (refusal,) = notifications(analysing)
    assert refusal.answer is Answer.NOT_ANALYSED
    assert refusal.refused is not None
    assert refusal.refused.reason == "bone_kernel"
    assert refusal.series_probability is None


def test_without_a_receiver_there_is_no_notification(tmp_path, untrained_bundle, detector):
    """A node that only sends objects makes no others."""
    with open_analysing_node(tmp_path, untrained_bundle, NOTIFIED[:1]) as node:
        node.receive(identified_head()[:-1])
        node.analyser.read_next(detector)
        assert notifications(node) == []
        assert set(owed(node)) == {"pacs"}
