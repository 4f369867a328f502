"""Who is told what, in which order, and what is not told any more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ich_node.config.destinations import (
    DicomDestination,
    Hl7Destination,
    OutletSettings,
    WebhookDestination,
)
from ich_node.ledger import DeliveryState, JobState
from ich_node.model.detector import Detector
from ich_node.notification import KIND, Answer, NotANotification, Notification, decode
from tests.support.analysis import Bench as Analysis
from tests.support.heads import head_series
from tests.support.outlets import (
    SECRETS,
    Bench,
    MllpReceiver,
    acknowledged,
    hl7,
    mllp_receiver,
    opened_bench,
)
from tests.support.peers import pacs
from tests.support.results import give_results, result_object
from tests.support.standing_clock import START


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened_bench(tmp_path) as opened:
        yield opened


@pytest.fixture
def ris() -> Iterator[MllpReceiver]:
    with mllp_receiver() as receiver:
        yield receiver


def series_of(message: str) -> int:
    """Which of the bench's series a message is about."""
    return int(message.split("113014^DICOM Study^DCM||")[1].split("|")[0].split(".")[-1])


# --- in which order
# ---------------------------------------------------------------------------------------------------------


def test_positive_readings_go_first(bench, ris):
    """However long the others have waited."""
    for series, positive in ((1, False), (2, None), (3, True), (4, False), (5, True)):
        bench.finish("ris", series=series, positive=positive)
        bench.clock.now += timedelta(seconds=1)
    sender = bench.sender(hl7(ris.port))
    while sender.send_due():
        pass
    assert [series_of(message) for message in ris.heard] == [3, 5, 1, 2, 4]


def test_a_destination_with_a_higher_priority_is_served_first(bench, ris):
    """A notification, by default before the objects; and of two receivers the one that the site
    prefers.
    """
    give_results(
        bench.ledger,
        bench.spool,
        [result_object(0, series=7)],
        ("pacs",),
        START - timedelta(hours=1),
    )
    for series in (1, 2):
        bench.finish("slow", "fast", series=series)
    order: list[str] = []
    with pacs() as peer, mllp_receiver() as other:
        destinations = (
            DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=peer.port),
            hl7(ris.port, name="slow"),
            hl7(other.port, name="fast", priority=11),
        )
        sender = bench.sender(*destinations)
        while sender.send_due():
            sent = [
                each.destination for each in bench.deliveries() if each.state is DeliveryState.SENT
            ]
            order += [name for name in set(sent) if order.count(name) < sent.count(name)]
    assert order == ["fast", "fast", "slow", "slow", "pacs"]


# --- what is told, and what is not told any more
# ------------------------------------------------------------------------------


def test_only_if_positive_hears_no_negative_and_no_refusal():
    """Unless it was told before: who heard of hemorrhage must hear that there is none."""
    rule = OutletSettings.wants
    picky = WebhookDestination(
        name="w", kind="webhook", url="https://h/", secret_file="s", only_if_positive=True
    )
    everything = Hl7Destination(name="r", kind="hl7", host="h", port=1)
    assert rule(picky, positive=True, told_before=())
    assert not rule(picky, positive=False, told_before={"r"})
    assert rule(picky, positive=False, told_before={"w"})
    assert rule(everything, positive=False, told_before=())


def test_an_answer_that_was_not_told_in_time_is_not_told_after_the_newer_one(bench, ris):
    """The receiver was down: when it is back it hears the correction, and not after it what was
    corrected.
    """
    ris.answer = lambda _: b""
    first = bench.finish("ris", positive=True)
    sender = bench.sender(hl7(ris.port))
    sender.send_due()
    bench.clock.now += timedelta(seconds=1)
    bench.finish("ris", positive=False, replaces=first.uid)
    ris.answer = acknowledged
    ris.heard.clear()
    bench.clock.now += timedelta(minutes=30)
    while sender.send_due():
        pass
    assert sorted(bench.states()) == [DeliveryState.SENT, DeliveryState.SUPERSEDED]
    assert ["NOT_FOUND^" in message for message in ris.heard] == [True]
    assert "superseded" in [event.event for event in bench.ledger.operator.events(1)]
    bench.clock.now += timedelta(days=30)
    paths = bench.ledger.maintenance.sweep_series(
        idle_since=bench.clock.now - timedelta(days=1),
        failed_too=False,
        limit=9,
        now=bench.clock.now,
    )
    assert paths, "what is superseded keeps no file"


def test_another_series_or_another_receiver_supersedes_nothing(bench, ris):
    """Only the same series to the same receiver."""
    bench.finish("ris", series=1)
    bench.finish("ris", series=2)
    bench.finish("else", series=1)
    sender = bench.sender(hl7(ris.port))
    while sender.send_due():
        pass
    assert len(ris.heard) == 2


def test_bytes_that_are_no_notification_wait_with_a_reason(bench, ris):
    """A damaged file in the spool keeps nothing else."""
    bench.finish("ris")
    (delivery,) = bench.deliveries()
    bench.spool.absolute(delivery.path).write_bytes(b'{"format": 1}')
    bench.sender(hl7(ris.port)).send_due()
    assert bench.detail() == "The bytes are not a notification."
    with pytest.raises(NotANotification, match="another version of ich-node"):
        decode(b'{"format": 99}')


# --- from the analyser
# --------------------------------------------------------------------------------------------------------


NOTIFIED = (
    DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104),
    hl7(2575),
    WebhookDestination(
        name="worklist", kind="webhook", url="https://h/", secret_file="s", only_if_positive=True
    ),
)


def analysis(folder: Path, bundle: Path, destinations=NOTIFIED) -> Analysis:
    """A real analyser whose bundle calls everything positive."""
    made = Analysis(folder, bundle)
    made.analyser = replace(made.analyser, destinations=destinations)
    return made


def owed(made: Analysis, job_id: int = 1) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for delivery in made.ledger.operator.deliveries(job_id):
        kinds.setdefault(delivery.destination, set()).add(delivery.kind)
    return kinds


def notifications(made: Analysis) -> list[Notification]:
    return [
        decode(made.spool.read(result.path))
        for job in reversed(made.ledger.operator.list())
        for result in made.ledger.operator.results(job.id)
        if result.kind == KIND
    ]


@pytest.fixture
def analysed(tmp_path: Path, untrained_bundle: Path) -> Analysis:
    return analysis(tmp_path, untrained_bundle)


def test_one_notification_a_reading_and_the_objects_as_before(analysed):
    """Objects go to the PACS alone, the notification to the others alone; it names the SR."""
    datasets = head_series()
    for dataset in datasets:
        dataset.PatientID, dataset.PatientName, dataset.AccessionNumber = (
            "MRN-4711-X",
            "Nobodysname^Zuzana",
            "ACC-0815",
        )
    analysed.receive(datasets)
    analysed.analyser.read_next(Detector(analysed.active_bundle.current()))
    kinds = owed(analysed)
    assert kinds["ris"] == kinds["worklist"] == {KIND}
    assert KIND not in kinds["pacs"]
    assert "sr" in kinds["pacs"]
    (told,) = notifications(analysed)
    results = analysed.ledger.operator.results(1)
    assert told.finding is Answer.SUSPECTED
    assert told.report_uid == next(
        result.sop_instance_uid for result in results if result.kind == "sr"
    )
    assert told.slices == len(datasets)
    assert told.identifiers.patient_id == "MRN-4711-X"
    assert told.encode() == analysed.spool.read(results[-1].path)
    assert not [secret for secret in SECRETS if secret in json.dumps(told.public(), default=str)]


def test_reading_twice_gives_the_same_notification(tmp_path, untrained_bundle):
    """After a crash the second try makes the same bytes under the same uid."""
    made = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        run = analysis(tmp_path / name, untrained_bundle)
        run.receive(head_series())
        run.analyser.read_next(Detector(run.active_bundle.current()))
        made += notifications(run)
    assert made[0].encode() == made[1].encode()


def test_a_later_revision_replaces_the_earlier(analysed):
    """`replaces` names the uid of what was said before."""
    detector = Detector(analysed.active_bundle.current())
    *first, late = head_series()
    analysed.receive(first)
    analysed.analyser.read_next(detector)
    analysed.now += timedelta(minutes=1)
    analysed.receive([late])
    analysed.analyser.read_next(detector)
    one, two = notifications(analysed)
    assert (one.replaces, two.replaces, two.revision) == (None, one.uid, 2)


def test_a_refused_series_is_told_as_such(analysed):
    """To who hears everything; with the reason, and never as "not found"."""
    datasets = head_series()
    for dataset in datasets:
        dataset.ConvolutionKernel = "H60s"
    analysed.receive(datasets)
    analysed.analyser.read_next(Detector(analysed.active_bundle.current()))
    assert analysed.job.state is JobState.REFUSED
    assert owed(analysed) == {"ris": {KIND}}
    (told,) = notifications(analysed)
    assert told.finding is Answer.NOT_ANALYSED
    assert told.refused is not None
    assert told.refused.reason == "bone_kernel"
    assert told.series_probability is None


def test_without_a_receiver_there_is_no_notification(tmp_path, untrained_bundle):
    """A node that only sends objects makes what it made before."""
    made = analysis(tmp_path, untrained_bundle, NOTIFIED[:1])
    made.receive(head_series())
    made.analyser.read_next(Detector(made.active_bundle.current()))
    assert notifications(made) == []
    assert set(owed(made)) == {"pacs"}
