"""Series are previewed while they arrive; a reading is interrupted for a more urgent one; no slice
is read twice.
"""

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset

from ich_node.analyse.pixel_cache import PixelCache
from ich_node.errors import DeviceLost
from ich_node.ledger import JobState, Lane
from ich_node.ledger.receiving import MOST_ORDINARY_OBJECTS
from ich_node.model.detector import Detector
from ich_node.model.engines.engine import Output
from ich_node.model.engines.torch_engine import TorchEngine
from ich_node.series.series import read_series
from tests.support.analysis import (
    DEVICE_LOST,
    Bench,
    detector_that_raises,
    write_untrained_bundle,
)
from tests.support.heads import head_series

MINUTE = timedelta(minutes=1)


class CountingEngine(TorchEngine):
    """Counts the slices that it runs on. meanwhile: called once, during the first batch."""

    def __init__(self, bench: Bench, meanwhile=lambda: None) -> None:
        super().__init__(bench.active_bundle.current().network())
        self.slices = 0
        self._meanwhile = meanwhile

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        self.slices += len(x_BCYX)
        self._meanwhile()
        self._meanwhile = lambda: None
        return super().run(x_BCYX)


@pytest.fixture
def bench(tmp_path, untrained_bundle) -> Bench:
    return Bench(tmp_path, untrained_bundle)


def counting(bench: Bench, meanwhile=lambda: None) -> tuple[CountingEngine, Detector]:
    engine = CountingEngine(bench, meanwhile)
    return engine, Detector(bench.active_bundle.current(), engine)


def results_of(bench: Bench) -> list[tuple[str, str]]:
    return [
        (result.sop_instance_uid, result.sha256)
        for result in bench.ledger.operator.results(bench.job.id)
    ]


def test_after_a_preview_only_the_last_slices_are_left_to_read(tmp_path):
    """Nine slices are previewed, three more arrive: the network runs on these three only, and the
    results are the same bytes as without a preview.

    With the network's real input size: for a smaller one torch computes a slice alone by another
    algorithm than two slices, and the last digits of the answer differ.
    """
    bundle = tmp_path / "full_size.safetensors"
    write_untrained_bundle(bundle, size_px=256)
    bench = Bench(tmp_path / "previewed", bundle)
    slices = head_series(12)
    engine, detector = counting(bench)
    bench.receive(slices[:9], ready_in=MINUTE)
    assert bench.analyser.previewer.preview_next(detector)
    assert engine.slices == 9
    bench.receive(slices[9:], ready_in=MINUTE)
    bench.now += MINUTE
    assert bench.analyser.read_next(detector)
    assert (engine.slices, bench.job.state) == (12, JobState.DONE)
    other = Bench(tmp_path / "other", bundle)
    other.now += MINUTE
    other.receive(slices)
    assert other.read_next()
    assert results_of(other) == results_of(bench)


def test_another_process_uses_the_answers_of_the_first(bench):
    """The answers are in the ledger."""
    bench.receive(head_series(12), ready_in=MINUTE)
    assert bench.analyser.previewer.preview_next(Detector(bench.active_bundle.current()))
    bench.now += MINUTE
    engine, detector = counting(bench)
    assert bench.make_analyser("second", lambda: bench.now).read_next(detector)
    assert (engine.slices, bench.job.state) == (0, JobState.DONE)


def test_a_positive_preview_changes_the_lane(bench):
    """The untrained bundle calls everything positive."""
    bench.receive(head_series(12), ready_in=MINUTE)
    bench.analyser.previewer.preview_next(Detector(bench.active_bundle.current()))
    assert bench.job.lane is Lane.SUSPECTED


def test_an_incomplete_series_is_not_refused(bench):
    """Four slices are too few for a head: that is recorded only when the series is complete."""
    bench.receive(head_series(12)[:4], ready_in=MINUTE)
    detector = Detector(bench.active_bundle.current())
    assert bench.analyser.previewer.preview_next(detector)
    assert not bench.analyser.previewer.preview_next(detector), "nothing new"
    assert (bench.job.state, bench.job.reason) == (JobState.WAITING, None)


def test_a_preview_ends_when_a_series_is_complete(bench):
    """The answers until then are kept."""
    bench.receive(head_series(12), ready_in=MINUTE)

    def another_is_complete() -> None:
        bench.receive(head_series(SeriesInstanceUID="1.2.3"))

    engine, detector = counting(bench, another_is_complete)
    assert bench.analyser.previewer.preview_next(detector)
    assert 0 < engine.slices < 12
    assert bench.analyser.read_next(detector)
    assert bench.job.state is JobState.DONE
    before = engine.slices
    assert bench.analyser.previewer.preview_next(detector)
    assert engine.slices - before < 12


def test_a_long_reading_is_interrupted_for_a_short_one_and_goes_on_after_it(bench):
    """No attempt is counted, no slice is read twice, and both end DONE."""
    count = MOST_ORDINARY_OBJECTS + 1
    long = head_series(count)
    for index, dataset in enumerate(long):
        dataset.ImagePositionPatient = [-100.0, -100.0, 1.5 * index]
    bench.receive(long)
    engine, detector = counting(
        bench, lambda: bench.receive(head_series(SeriesInstanceUID="1.2.3"))
    )
    assert bench.analyser.read_next(detector)
    states = {
        job.series_instance_uid: (job.state, job.attempts) for job in bench.ledger.operator.list()
    }
    assert states == {
        long[0].SeriesInstanceUID: (JobState.WAITING, 0),
        "1.2.3": (JobState.WAITING, 0),
    }
    assert engine.slices < 12
    assert bench.analyser.read_next(detector)
    assert bench.job.state is JobState.DONE, "the short one, which is the newer job"
    assert bench.analyser.read_next(detector)
    assert {job.state for job in bench.ledger.operator.list()} == {JobState.DONE}
    assert engine.slices == count + 12
    story = [
        event.event
        for event in bench.ledger.operator.events(
            min(job.id for job in bench.ledger.operator.list())
        )
    ]
    assert story == ["received", "claimed", "released", "claimed", "done"]


def test_a_damaged_object_does_not_stop_previews(bench):
    """The reading of the complete series gives the reason."""
    broken = head_series(12)
    broken[5].PixelData = broken[5].PixelData[:1000]
    bench.receive(broken, ready_in=MINUTE)
    detector = Detector(bench.active_bundle.current())
    assert bench.analyser.previewer.preview_next(detector)
    assert (bench.job.state, bench.job.reason) == (JobState.WAITING, None)
    bench.now += MINUTE
    assert bench.analyser.read_next(detector)
    assert (bench.job.state, bench.job.reason) == (JobState.REFUSED, "undecodable")


def test_a_preview_that_crashes_is_not_repeated_at_once(bench):
    """Nobody previews that series again until the time of a lease has passed; the reading counts
    its own attempts.
    """
    bench.receive_bytes(head_series()[0], b"not a DICOM file", ready_in=5 * MINUTE)
    bench.receive(head_series()[1:], ready_in=5 * MINUTE)
    detector = Detector(bench.active_bundle.current())
    assert bench.analyser.previewer.preview_next(detector)
    assert not bench.analyser.previewer.preview_next(detector)
    bench.now += MINUTE
    assert bench.analyser.previewer.preview_next(detector)
    assert bench.job.state is JobState.WAITING


def test_a_gpu_that_is_lost_in_a_preview_ends_the_process(bench):
    bench.receive(head_series(), ready_in=MINUTE)
    with pytest.raises(DeviceLost):
        bench.analyser.previewer.preview_next(detector_that_raises(bench, DEVICE_LOST))


def test_a_process_that_is_to_stop_interrupts_its_preview(bench):
    """Another process may preview the series at once."""
    bench.receive(head_series(), ready_in=MINUTE)
    bench.stop.set()
    detector = Detector(bench.active_bundle.current())
    assert bench.analyser.previewer.preview_next(detector)
    bench.stop.clear()
    assert bench.analyser.previewer.preview_next(detector)


def hashes(datasets: list[Dataset]) -> dict[str, str]:
    return {str(dataset.SOPInstanceUID): f"sha of {dataset.SOPInstanceUID}" for dataset in datasets}


def test_the_pixel_cache_is_bounded():
    """Pixels that do not fit are decoded again; the oldest other job is dropped to make room, the
    job's own slices are not.
    """
    slices = head_series(12)
    size_bytes = sum(
        slice_.hu_YX.nbytes + slice_.padding_YX.nbytes for slice_ in read_series(slices).slices
    )
    cache = PixelCache(size_bytes)
    for job_id in (1, 2):
        decoded = cache.decoder(job_id, sha256_of=hashes(slices), check_interrupt=lambda: None)(
            slices
        )
        assert [pixels.hu_YX[64, 64] for pixels in decoded] == [
            slice_.hu_YX[64, 64] for slice_ in read_series(slices).slices
        ]
    assert cache.job_ids() == [2]
    more = head_series(24)
    assert len(cache.decoder(2, sha256_of=hashes(more), check_interrupt=lambda: None)(more)) == 24
    assert cache.job_ids() == [2]
    cache.drop(2)
    cache.drop(2)
    assert cache.job_ids() == []
