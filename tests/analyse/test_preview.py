"""Series are previewed while they arrive; a reading is interrupted for a more urgent one; no slice
is read twice.
"""

from collections.abc import Iterator
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
from ich_node.series.read import read_series
from tests.support.analysing import (
    DEVICE_LOST,
    AnalysingNode,
    detector_that_raises,
)
from tests.support.heads import head_series
from tests.support.node import open_node
from tests.support.untrained_bundle import write_untrained_bundle

MINUTE = timedelta(minutes=1)


class CountingEngine(TorchEngine):
    """Counts the slices that it runs on. meanwhile: called once, during the first batch."""

    def __init__(self, node: AnalysingNode, meanwhile=lambda: None) -> None:
        super().__init__(node.active_bundle.current().network())
        self.slices = 0
        self._meanwhile = meanwhile

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        self.slices += len(x_BCYX)
        self._meanwhile()
        self._meanwhile = lambda: None
        return super().run(x_BCYX)


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        yield opened


def counting(node: AnalysingNode, meanwhile=lambda: None) -> tuple[CountingEngine, Detector]:
    engine = CountingEngine(node, meanwhile)
    return engine, Detector(node.active_bundle.current(), engine)


def results_of(node: AnalysingNode) -> list[tuple[str, str]]:
    return [
        (result.sop_instance_uid, result.sha256)
        for result in node.ledger.operator.results(node.job.id)
    ]


def test_after_a_preview_only_the_last_slices_are_left_to_read(tmp_path):
    """Nine slices are previewed, three more arrive: the network runs on these three only, and the
    results are the same bytes as without a preview.

    With the network's real input size: for a smaller one torch computes a slice alone by another
    algorithm than two slices, and the last digits of the answer differ.
    """
    bundle = tmp_path / "full_size.safetensors"
    write_untrained_bundle(bundle, size_px=256)
    slices = head_series(12)
    with (
        open_node(tmp_path / "previewed", AnalysingNode, bundle=bundle) as node,
        open_node(tmp_path / "other", AnalysingNode, bundle=bundle) as other,
    ):
        engine, detector = counting(node)
        node.receive(slices[:9], ready_in=MINUTE)
        assert node.analyser.previewer.preview_next(detector)
        assert engine.slices == 9
        node.receive(slices[9:], ready_in=MINUTE)
        node.clock.now += MINUTE
        assert node.analyser.read_next(detector)
        assert (engine.slices, node.job.state) == (12, JobState.DONE)
        other.clock.now += MINUTE
        other.receive(slices)
        assert other.read_next()
        assert results_of(other) == results_of(node)


def test_another_process_uses_the_answers_of_the_first(node):
    """The answers are in the ledger."""
    node.receive(head_series(12), ready_in=MINUTE)
    assert node.analyser.previewer.preview_next(Detector(node.active_bundle.current()))
    node.clock.now += MINUTE
    engine, detector = counting(node)
    assert node.make_analyser("second", node.clock).read_next(detector)
    assert (engine.slices, node.job.state) == (0, JobState.DONE)


def test_a_positive_preview_changes_the_lane(node):
    """The untrained bundle calls everything positive."""
    node.receive(head_series(12), ready_in=MINUTE)
    node.analyser.previewer.preview_next(Detector(node.active_bundle.current()))
    assert node.job.lane is Lane.SUSPECTED


def test_an_incomplete_series_is_not_refused(node):
    """Four slices are too few for a head: that is recorded only when the series is complete."""
    node.receive(head_series(12)[:4], ready_in=MINUTE)
    detector = Detector(node.active_bundle.current())
    assert node.analyser.previewer.preview_next(detector)
    assert not node.analyser.previewer.preview_next(detector), "nothing new"
    assert (node.job.state, node.job.reason) == (JobState.WAITING, None)


def test_a_preview_ends_when_a_series_is_complete(node):
    """The answers until then are kept."""
    node.receive(head_series(12), ready_in=MINUTE)

    def another_is_complete() -> None:
        node.receive(head_series(SeriesInstanceUID="1.2.3"))

    engine, detector = counting(node, another_is_complete)
    assert node.analyser.previewer.preview_next(detector)
    assert 0 < engine.slices < 12
    assert node.analyser.read_next(detector)
    assert node.job.state is JobState.DONE
    before = engine.slices
    assert node.analyser.previewer.preview_next(detector)
    assert engine.slices - before < 12


def test_a_long_reading_is_interrupted_for_a_short_one_and_goes_on_after_it(node):
    """No attempt is counted, no slice is read twice, and both end DONE."""
    count = MOST_ORDINARY_OBJECTS + 1
    long = head_series(count)
    for index, dataset in enumerate(long):
        dataset.ImagePositionPatient = [-100.0, -100.0, 1.5 * index]
    node.receive(long)
    other = head_series(StudyInstanceUID="1.2", SeriesInstanceUID="1.2.3")
    engine, detector = counting(node, lambda: node.receive(other))
    assert node.analyser.read_next(detector)
    states = {
        job.series_instance_uid: (job.state, job.attempts) for job in node.ledger.operator.list()
    }
    assert states == {
        long[0].SeriesInstanceUID: (JobState.WAITING, 0),
        "1.2.3": (JobState.WAITING, 0),
    }
    assert engine.slices < 12
    assert node.analyser.read_next(detector)
    assert node.job.state is JobState.DONE, "the short one, which is the newer job"
    assert node.analyser.read_next(detector)
    assert {job.state for job in node.ledger.operator.list()} == {JobState.DONE}
    assert engine.slices == count + 12
    story = [
        event.event
        for event in node.ledger.operator.events(min(job.id for job in node.ledger.operator.list()))
    ]
    assert story == ["received", "claimed", "released", "claimed", "done"]


def test_a_damaged_object_does_not_stop_previews(node):
    """The reading of the complete series says what it left out."""
    broken = head_series(12)
    broken[5].PixelData = broken[5].PixelData[:1000]
    node.receive(broken, ready_in=MINUTE)
    detector = Detector(node.active_bundle.current())
    assert node.analyser.previewer.preview_next(detector)
    assert (node.job.state, node.job.reason) == (JobState.WAITING, None)
    node.clock.now += MINUTE
    assert node.analyser.read_next(detector)
    assert node.job.state is JobState.DONE
    assert "was not read" in node.job.detail


def test_a_preview_that_crashes_is_not_repeated_at_once(node):
    """Nobody previews that series again until the time of a lease has passed; the reading counts
    its own attempts.
    """
    node.receive(head_series(), ready_in=5 * MINUTE)
    detector = detector_that_raises(node, ZeroDivisionError())
    assert node.analyser.previewer.preview_next(detector)
    assert not node.analyser.previewer.preview_next(detector)
    node.clock.now += MINUTE
    assert node.analyser.previewer.preview_next(detector)
    assert node.job.state is JobState.WAITING


def test_a_gpu_that_is_lost_in_a_preview_ends_the_process(node):
    node.receive(head_series(), ready_in=MINUTE)
    with pytest.raises(DeviceLost):
        node.analyser.previewer.preview_next(detector_that_raises(node, DEVICE_LOST))


def test_a_process_that_is_to_stop_interrupts_its_preview(node):
    """Another process may preview the series at once."""
    node.receive(head_series(), ready_in=MINUTE)
    node.stop.set()
    detector = Detector(node.active_bundle.current())
    assert node.analyser.previewer.preview_next(detector)
    node.stop.clear()
    assert node.analyser.previewer.preview_next(detector)


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
