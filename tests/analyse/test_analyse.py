"""Every way a reading can end: an answer, a refusal, a try that failed, a dead letter, a job given
back.
"""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import torch
from structlog.testing import capture_logs

from ich_node.analyse.active_bundle import ActiveBundle
from ich_node.config.settings import AnalysisSettings
from ich_node.errors import DeviceLost, SpoolFull, Unavailable
from ich_node.ledger import JobState
from ich_node.model.bundle_file import open_bundle
from ich_node.model.detector import Detector
from ich_node.model.engines.choose import choose_device
from ich_node.spool import Spool
from tests.support.analysis import DEVICE_LOST, START, Bench, detector_that_raises
from tests.support.heads import head_series


@pytest.fixture
def bench(tmp_path, untrained_bundle) -> Bench:
    return Bench(tmp_path, untrained_bundle)


def test_a_reading_is_done_with_its_results_owed_to_each_destination(bench):
    job = bench.receive(head_series())
    assert bench.read_next()
    assert bench.job.state is JobState.DONE
    assert (bench.job.positive, bench.job.bundle_sha256) == (
        True,
        bench.active_bundle.current().sha256,
    )
    results, deliveries = (
        bench.ledger.operator.results(job.id),
        bench.ledger.operator.deliveries(job.id),
    )
    assert [result.kind for result in results].count("sr") == 1
    assert sorted({delivery.destination for delivery in deliveries}) == ["archive", "pacs"]
    assert len(deliveries) == 2 * len(results)
    assert all(bench.spool.read(result.path) for result in results)
    assert not bench.read_next()


def test_reading_twice_makes_the_same_bytes(bench, tmp_path, untrained_bundle):
    """Another analyser at another time, after the first one's lease ran out: the objects are the
    same.
    """
    bench.receive(head_series())
    claimed = bench.ledger.reading.claim(
        owner="lost", now=bench.now, lease=timedelta(seconds=60), max_attempts=2
    )
    first = bench.analyser.read_job(claimed, Detector(bench.active_bundle.current())).results
    bench.now += timedelta(hours=5)
    assert bench.read_next()
    assert bench.ledger.operator.results(claimed.id) == first


def test_a_refusal_is_an_answer_and_is_not_tried_again(bench):
    bench.receive(head_series(ConvolutionKernel="BONE"))
    assert bench.read_next()
    assert (bench.job.state, bench.job.reason) == (JobState.REFUSED, "bone_kernel")
    assert "kernel BONE is for bone" in bench.job.detail
    assert not bench.read_next()


def test_our_own_and_other_results_are_never_read(bench):
    """A Secondary Capture or SR that a PACS routes back is a refusal, even if it came in by another
    way than our listener.
    """
    for sop_class in ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.88.34"):
        bench.receive(
            head_series(SOPClassUID=sop_class, SeriesInstanceUID=f"1.2.3.{len(sop_class)}")
        )
    while bench.read_next():
        pass
    assert {(job.state, job.reason) for job in bench.ledger.operator.list()} == {
        (JobState.REFUSED, "derived_result")
    }


def test_a_reading_that_cannot_be_reported_is_a_dead_letter_with_its_reason(bench):
    bench.receive(head_series(SeriesInstanceUID="1.2.3.ID"))
    while bench.read_next():
        pass
    failed = next(
        job for job in bench.ledger.operator.list() if job.series_instance_uid == "1.2.3.ID"
    )
    assert (failed.state, failed.reason) == (JobState.FAILED, "not_reportable")
    assert "1.2.3.ID" in failed.detail


def test_an_object_that_is_gone_from_the_spool_is_tried_again_then_set_aside(bench):
    """30 seconds later; after the last allowed try the job is FAILED, and the next one is read."""
    job = bench.receive(head_series())
    bench.spool.absolute(bench.ledger.operator.instances(job)[3].path).unlink()
    assert bench.read_next()
    assert (bench.job.state, bench.job.reason, bench.job.attempts) == (
        JobState.WAITING,
        "unavailable",
        1,
    )
    assert not bench.read_next()
    bench.now += timedelta(seconds=31)
    assert bench.read_next()
    assert bench.job.state is JobState.FAILED
    bench.receive(head_series(SeriesInstanceUID="1.2.3"))
    assert bench.read_next()
    assert bench.job.state is JobState.DONE


def test_what_nobody_foresaw_counts_as_a_try_and_does_not_stop_the_loop(bench):
    """A file in the spool that is not DICOM: cannot happen, and must not take the process down."""
    dataset = head_series()[0]
    bench.receive_bytes(dataset, b"not a DICOM file")
    for _ in range(2):
        assert bench.read_next()
        bench.now += timedelta(seconds=31)
    assert (bench.job.state, bench.job.reason) == (JobState.FAILED, "crashed")
    assert "InvalidDicomError" in bench.job.detail


def test_a_process_that_is_to_stop_gives_its_job_back_without_a_try(bench):
    bench.receive(head_series())
    bench.stop.set()
    assert bench.read_next()
    assert (bench.job.state, bench.job.attempts) == (JobState.WAITING, 0)


def test_an_analyser_that_was_overtaken_changes_nothing(bench):
    """Its lease ran out in the middle and another one finished: what it has to say comes too late,
    and is not said.
    """
    job = bench.receive(head_series())
    times = iter([START, START])

    def clock() -> datetime:
        moment = next(times, None)
        if (
            moment is None
            and bench.job.state is JobState.READING
            and bench.job.lease_owner == "slow"
        ):
            bench.now = START + timedelta(minutes=2)
            assert bench.read_next()
        return moment or bench.now

    slow = bench.make_analyser("slow", clock)
    assert slow.read_next(Detector(bench.active_bundle.current()))
    assert bench.job.state is JobState.DONE
    assert bench.job.attempts == 2
    assert len(bench.ledger.operator.results(job.id)) == len(
        {result.sop_instance_uid for result in bench.ledger.operator.results(job.id)}
    )


def test_without_a_model_nothing_is_claimed(bench, tmp_path):
    """The jobs wait, unharmed, until the admin has repaired the bundle."""
    bench.receive(head_series())
    analyser = bench.make_analyser("first", lambda: bench.now)
    broken = replace(
        analyser,
        active_bundle=ActiveBundle(
            ledger=bench.ledger.activations, configured=tmp_path / "nowhere.safetensors"
        ),
    )
    thread = threading.Thread(target=broken.work)
    thread.start()
    bench.stop.set()
    thread.join()
    assert (bench.job.state, bench.job.attempts) == (JobState.WAITING, 0)


def test_an_activation_counts_from_the_next_job_on(bench, untrained_bundle, tmp_path):
    """The bundle stays open until another one is activated."""
    first = bench.active_bundle.current()
    assert bench.active_bundle.current() is first
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(untrained_bundle.read_bytes())
    bench.ledger.activations.activate_bundle(
        path=str(copy), sha256=first.sha256, name="copy", who="test", why="", now=bench.now
    )
    assert bench.active_bundle.current() is not first
    assert open_bundle(copy).sha256 == bench.active_bundle.current().sha256


def test_a_full_disk_sets_no_series_aside(bench):
    """There is no room for its results, however often it is tried: it waits, and is read when there
    is.
    """
    job = bench.receive(head_series())
    analyser = replace(bench.analyser, spool=Spool(bench.folder / "spool", reserve_bytes=1 << 60))
    for _ in range(3):
        with pytest.raises(SpoolFull):
            analyser.read_next(Detector(bench.active_bundle.current()))
    assert (bench.job.state, bench.job.attempts) == (JobState.WAITING, 0)
    assert "its reserve is" in bench.ledger.operator.events(job.id)[-1].detail
    assert bench.read_next()
    assert bench.job.state is JobState.DONE


def test_the_log_says_which_engine_reads(bench):
    """Once, when the bundle is loaded."""
    settings = AnalysisSettings(device="cpu", engine="torch")
    analyser = replace(bench.analyser, settings=settings)
    with capture_logs() as lines:
        analyser.load_detector(bench.active_bundle.current())
    assert [(line["event"], line["device"], line["engine"]) for line in lines] == [
        ("bundle_loaded", "cpu", "torch")
    ]


OUT_OF_MEMORY = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 MiB.\nGPU 0 has a total capacity of 8 GiB"
)


def test_a_gpu_without_memory_is_no_reason_to_wait(bench):
    """This series is read on the CPU, at the first try, and its story says so."""
    job = bench.receive(head_series())
    assert bench.analyser.read_next(detector_that_raises(bench, OUT_OF_MEMORY))
    assert (bench.job.state, bench.job.attempts) == (JobState.DONE, 1)
    events = {event.event: event.detail for event in bench.ledger.operator.events(job.id)}
    assert (
        events["read on the CPU"]
        == "the GPU's memory was short: CUDA out of memory. Tried to allocate 20.00 MiB."
    )


def test_a_lost_gpu_ends_the_process_and_costs_the_series_nothing(bench):
    """The job is given back without a try; the process, whose CUDA is spoilt for good, ends and is
    started again.
    """
    job = bench.receive(head_series())
    with pytest.raises(DeviceLost, match=r"unspecified launch failure$"):
        bench.analyser.read_next(detector_that_raises(bench, DEVICE_LOST))
    assert (bench.job.state, bench.job.attempts) == (JobState.WAITING, 0)
    assert bench.read_next()
    assert bench.job.state is JobState.DONE
    assert [event.event for event in bench.ledger.operator.events(job.id)] == [
        "received",
        "claimed",
        "released",
        "claimed",
        "done",
    ]


def test_a_series_that_loses_the_gpu_each_time_is_set_aside(bench):
    """The first time costs nothing; from then on it counts, or it would keep the node from reading
    for ever.
    """
    bench.receive(head_series())
    for _ in range(3):
        with pytest.raises(DeviceLost):
            bench.analyser.read_next(detector_that_raises(bench, DEVICE_LOST))
        bench.now += timedelta(seconds=31)
    assert (bench.job.state, bench.job.reason, bench.job.attempts) == (JobState.FAILED, "device", 2)


def test_a_gpu_that_is_not_there_is_waited_for():
    """A driver may come back; the door and the sender must not be stopped over it."""
    with pytest.raises(Unavailable, match="device is 'cuda:7', and this process finds"):
        choose_device("cuda:7")
    assert choose_device("cpu") == "cpu"


def test_a_clock_put_back_in_the_middle_keeps_the_lease(bench):
    """It is renewed by the new clock at the next step, instead of hours later."""
    bench.receive(head_series())
    times = [START, START, START - timedelta(hours=3)]
    leases = []

    def clock() -> datetime:
        leases.append(bench.job.lease_until)
        return times.pop(0) if len(times) > 1 else times[0]

    assert bench.make_analyser("first", clock).read_next(Detector(bench.active_bundle.current()))
    assert bench.job.state is JobState.DONE
    assert START - timedelta(hours=3) + timedelta(seconds=60) in leases
