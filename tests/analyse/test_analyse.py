"""Every way an attempt to read a job can end: read, refused, failed, retried, released."""

import sqlite3
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

import pytest
import torch
from structlog.testing import capture_logs

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.answer import Answer
from ich_node.config.settings import AnalysisSettings
from ich_node.errors import DeviceLost, SpoolFull, Unavailable
from ich_node.ledger import JobState
from ich_node.ledger.pauses import READING
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import choose_device
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.series.rules import SelectionRules
from ich_node.spool import Spool
from tests.support.analysing import DEVICE_LOST, AnalysingNode, detector_that_raises
from tests.support.heads import head_series, head_slice
from tests.support.node import open_node
from tests.support.peers import wait_until
from tests.support.standing_clock import START


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        yield opened


def test_a_reading_is_done_with_its_results_owed_to_each_destination(node):
    job = node.receive(head_series())
    assert node.read_next()
    assert node.job.state is JobState.DONE
    assert (node.job.answer, node.job.bundle_sha256) == (
        Answer.PRESENT,
        node.active_bundle.current().sha256,
    )
    results, deliveries = (
        node.ledger.operator.results(job.id),
        node.ledger.operator.deliveries(job.id),
    )
    assert [result.kind for result in results].count("sr") == 1
    assert sorted({delivery.destination for delivery in deliveries}) == ["archive", "pacs"]
    assert len(deliveries) == 2 * len(results)
    assert all(node.spool.read(result.path) for result in results)
    with node.ledger.statistics.view() as view:
        (facts,) = view.series(START - timedelta(days=1), START + timedelta(days=1))
    assert (facts.answer, facts.slices) == (Answer.PRESENT, job.objects)
    assert not node.read_next()


def test_reading_twice_makes_the_same_bytes(node, tmp_path, untrained_bundle):
    """Another analyser reads the job later, after the first one's lease ran out."""
    node.receive(head_series())
    claimed = node.ledger.reading.claim(
        owner="lost", now=node.clock.now, lease=timedelta(seconds=60), max_attempts=2
    )
    first = node.analyser.read_job(claimed, Detector(node.active_bundle.current())).written.results
    node.clock.now += timedelta(hours=5)
    assert node.read_next()
    assert node.ledger.operator.results(claimed.id) == first


def test_nothing_is_claimed_while_reading_is_paused(node):
    """Neither a series that is ready nor a preview of one that still arrives; then both are."""
    node.receive(head_series())
    node.receive(head_series(SeriesInstanceUID="2.25.5"), ready_in=timedelta(hours=1))
    node.ledger.pauses.pause(READING, now=node.clock.now, until=None, who="ann", why="")
    thread = threading.Thread(target=node.analyser.work)
    with capture_logs() as log:
        thread.start()
        try:
            wait_until(lambda: any(line["event"] == "paused" for line in log))
            assert [job.state for job in node.ledger.operator.list()] == [JobState.WAITING] * 2
            node.ledger.pauses.resume([READING], now=node.clock.now, who="ann")
            wait_until(lambda: any(line["event"] == "series_previewed" for line in log))
        finally:
            node.stop.set()
            thread.join()
    events = [line["event"] for line in log]
    assert events.index("resumed") < events.index("series_read") < events.index("series_previewed")
    assert events.count("paused") == events.count("resumed") == 1


def test_a_refusal_is_an_outcome_and_is_not_retried(node):
    node.receive(head_series(ConvolutionKernel="BONE"))
    assert node.read_next()
    assert (node.job.state, node.job.reason) == (JobState.REFUSED, "bone_kernel")
    assert "kernel BONE is for bone" in node.job.detail
    assert not node.read_next()


def test_our_own_and_other_results_are_never_read(node):
    """A Secondary Capture or SR that a PACS routes back is refused, even if our listener did not
    receive it.
    """
    for sop_class in ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.88.34"):
        node.receive(
            head_series(SOPClassUID=sop_class, SeriesInstanceUID=f"1.2.3.{len(sop_class)}")
        )
    while node.read_next():
        pass
    assert {(job.state, job.reason) for job in node.ledger.operator.list()} == {
        (JobState.REFUSED, "derived_result")
    }


def test_a_reading_that_cannot_be_reported_fails_with_its_reason(node):
    """The files do not say of which study they are."""
    for dataset in head_series():
        named = deepcopy(dataset)
        del dataset.StudyInstanceUID
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        node.receive_bytes(named, buffer.getvalue())
    assert node.read_next()
    assert (node.job.state, node.job.reason) == (JobState.FAILED, "not_reportable")
    assert "StudyInstanceUID is missing" in node.job.detail


def test_an_object_that_is_missing_from_the_spool_is_retried_then_fails(node):
    """30 seconds later; after the last attempt the job is FAILED, and the next one is read."""
    job = node.receive(head_series())
    node.spool.absolute(node.ledger.operator.instances(job)[3].path).unlink()
    assert node.read_next()
    assert (node.job.state, node.job.reason, node.job.attempts) == (
        JobState.WAITING,
        "unavailable",
        1,
    )
    assert not node.read_next()
    node.clock.now += timedelta(seconds=31)
    assert node.read_next()
    assert node.job.state is JobState.FAILED
    node.receive(head_series(SeriesInstanceUID="1.2.3"))
    assert node.read_next()
    assert node.job.state is JobState.DONE


def test_a_bug_counts_as_an_attempt_and_does_not_stop_the_loop(node):
    """An unexpected error does not take the process down; its words may quote a patient."""
    node.receive(head_series())
    buggy = detector_that_raises(node, ZeroDivisionError("of Jane Doe"))
    for _ in range(2):
        assert node.analyser.read_next(buggy)
        node.clock.now += timedelta(seconds=31)
    assert (node.job.state, node.job.reason) == (JobState.FAILED, "crashed")
    assert node.job.detail.startswith("ZeroDivisionError: see the log")


def test_a_process_that_stops_releases_its_job_and_counts_no_attempt(node):
    node.receive(head_series())
    node.stop.set()
    assert node.read_next()
    assert (node.job.state, node.job.attempts) == (JobState.WAITING, 0)


def test_an_analyser_whose_lease_was_lost_changes_nothing(node):
    """Its lease ran out during the reading, and another analyser finished: the outcome of the first
    is not recorded.
    """
    job = node.receive(head_series())
    times = iter([START, START])

    def clock() -> datetime:
        moment = next(times, None)
        if moment is None and node.job.state is JobState.READING and node.job.lease_owner == "slow":
            node.clock.now = START + timedelta(minutes=2)
            assert node.read_next()
        return moment or node.clock.now

    slow = node.make_analyser("slow", clock)
    assert slow.read_next(Detector(node.active_bundle.current()))
    assert node.job.state is JobState.DONE
    assert node.job.attempts == 2
    assert len(node.ledger.operator.results(job.id)) == len(
        {result.sop_instance_uid for result in node.ledger.operator.results(job.id)}
    )


def test_without_a_model_nothing_is_claimed(node, tmp_path):
    """The jobs wait, with no attempt counted, until the admin has repaired the bundle."""
    node.receive(head_series())
    analyser = node.make_analyser("first", node.clock)
    broken = replace(
        analyser,
        active_bundle=ActiveBundle(
            ledger=node.ledger.activations, configured=tmp_path / "nowhere.safetensors"
        ),
    )
    thread = threading.Thread(target=broken.work)
    thread.start()
    node.stop.set()
    thread.join()
    assert (node.job.state, node.job.attempts) == (JobState.WAITING, 0)


def test_the_next_job_is_read_with_the_activated_bundle(node, untrained_bundle, tmp_path):
    """The bundle stays open until another one is activated."""
    first = node.active_bundle.current()
    assert node.active_bundle.current() is first
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(untrained_bundle.read_bytes())
    node.ledger.activations.activate_bundle(
        path=str(copy), sha256=first.sha256, name="copy", who="test", why="", now=node.clock.now
    )
    assert node.active_bundle.current() is not first
    assert open_bundle(copy).sha256 == node.active_bundle.current().sha256


def test_a_full_disk_fails_no_series(node):
    """Without room for the results no attempt counts; the series is read when there is room."""
    job = node.receive(head_series())
    analyser = replace(node.analyser, spool=Spool(node.folder / "spool", reserve_bytes=1 << 60))
    for _ in range(3):
        with pytest.raises(SpoolFull):
            analyser.read_next(Detector(node.active_bundle.current()))
    assert (node.job.state, node.job.attempts) == (JobState.WAITING, 0)
    assert "its reserve is" in node.ledger.operator.events(job.id)[-1].detail
    assert node.read_next()
    assert node.job.state is JobState.DONE


def test_a_ledger_that_does_not_take_the_outcome_delays_no_series(tmp_path, untrained_bundle):
    """The series waits for the ledger, not for the end of its lease, which is far away when the
    clock is set back meanwhile; the attempt does not count.
    """
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle, busy_seconds=0.1) as node:
        node.receive(head_series())
        other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        bundle = node.active_bundle.current()
        engine = TorchEngine(bundle.network())

        def lock_ledger(*_: object) -> None:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        engine.network.register_forward_hook(lock_ledger)
        with pytest.raises(Unavailable):
            node.analyser.read_next(Detector(bundle, engine))
        other.close()
        node.clock.put(-timedelta(hours=2))
        assert not node.read_next()
        node.analyser.release_left()
        assert (node.job.state, node.job.attempts) == (JobState.WAITING, 0)
        node.clock.put(timedelta(hours=2))
        assert node.read_next()
        assert node.job.state is JobState.DONE


def test_the_engine_is_logged(node):
    """Once, when the bundle is loaded."""
    settings = AnalysisSettings(device="cpu", engine="torch")
    analyser = replace(node.analyser, settings=settings)
    with capture_logs() as lines:
        analyser.load_detector(node.active_bundle.current())
    assert [(line["event"], line["device"], line["engine"]) for line in lines] == [
        ("bundle_loaded", "cpu", "torch")
    ]


OUT_OF_MEMORY = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 MiB.\nGPU 0 has a total capacity of 8 GiB"
)


def test_a_gpu_without_memory_does_not_delay_the_reading(node):
    """This series is read on the CPU at the first attempt, and its events say so."""
    job = node.receive(head_series())
    assert node.analyser.read_next(detector_that_raises(node, OUT_OF_MEMORY))
    assert (node.job.state, node.job.attempts) == (JobState.DONE, 1)
    events = {event.event: event.detail for event in node.ledger.operator.events(job.id)}
    assert (
        events["read on the CPU"]
        == "the GPU's memory was short: CUDA out of memory. Tried to allocate 20.00 MiB."
    )


def test_a_lost_gpu_ends_the_process_and_counts_no_attempt(node):
    """The job is released; the process, in which CUDA cannot work again, ends and is restarted."""
    job = node.receive(head_series())
    with pytest.raises(DeviceLost, match=r"unspecified launch failure$"):
        node.analyser.read_next(detector_that_raises(node, DEVICE_LOST))
    assert (node.job.state, node.job.attempts) == (JobState.WAITING, 0)
    assert node.read_next()
    assert node.job.state is JobState.DONE
    assert [event.event for event in node.ledger.operator.events(job.id)] == [
        "received",
        "claimed",
        "released",
        "claimed",
        "done",
    ]


def test_a_series_that_loses_the_gpu_each_time_fails(node):
    """The first time is not counted; later ones are, or the series would block the node."""
    node.receive(head_series())
    for _ in range(3):
        with pytest.raises(DeviceLost):
            node.analyser.read_next(detector_that_raises(node, DEVICE_LOST))
        node.clock.now += timedelta(seconds=31)
    assert (node.job.state, node.job.reason, node.job.attempts) == (JobState.FAILED, "device", 2)


def test_the_analyser_waits_for_a_gpu_that_is_not_there():
    """A driver may come back; the listener and the sender go on."""
    with pytest.raises(Unavailable, match="device is 'cuda:7', and this process finds"):
        choose_device("cuda:7")
    assert choose_device("cpu") == "cpu"


def test_the_lease_is_kept_when_the_clock_is_set_back(node):
    """The lease is renewed by the new time at the next step, not hours later."""
    node.receive(head_series())
    times = [START, START, START - timedelta(hours=3)]
    leases = []

    def clock() -> datetime:
        leases.append(node.job.lease_until)
        return times.pop(0) if len(times) > 1 else times[0]

    assert node.make_analyser("first", clock).read_next(Detector(node.active_bundle.current()))
    assert node.job.state is JobState.DONE
    assert START - timedelta(hours=3) + timedelta(seconds=60) in leases


def test_different_images_under_one_uid_are_refused(node):
    """Both came, both are kept; nobody knows which of them a reference would mean."""
    datasets = head_series()
    datasets[4].SOPInstanceUID = datasets[5].SOPInstanceUID
    node.receive(datasets)
    assert node.read_next()
    assert (node.job.state, node.job.reason) == (JobState.REFUSED, "shared_uid")


def test_a_corrected_header_is_read_in_its_newest_version(node):
    corrected = head_slice(5, PatientPosition="HFP")
    node.receive([*head_series(), corrected])
    assert node.read_next()
    assert node.job.state is JobState.DONE


def test_a_child_ends_as_refused_where_a_minimum_age_is_set(node):
    node.analyser = replace(node.analyser, rules=SelectionRules(minimum_age=18))
    node.receive(head_series(PatientAge="007Y"))
    assert node.read_next()
    assert (node.job.state, node.job.reason) == (JobState.REFUSED, "too_young")
    assert "younger than 18 years" in node.job.detail
