"""Another bundle reads beside the answers: when nothing else is to be done, and nobody hears of
it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ich_node.analyse.detectors import Detectors
from ich_node.analyse.second_reader import SecondReader
from ich_node.answer import Answer
from ich_node.config.settings import AnalysisSettings
from ich_node.errors import DeviceLost, Unavailable
from ich_node.ledger import JobState, NewReader, ReadingState, SecondReading, Wanted
from ich_node.ledger.second_readings import MOST_ATTEMPTS
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import read_header
from ich_node.model.detector import Detector
from ich_node.series.site_rules import Conditions, RuleOfSite, SiteRules
from tests.analyse.test_preview import CountingEngine
from tests.support.analysing import DEVICE_LOST, AnalysingNode
from tests.support.heads import head_series
from tests.support.node import open_node

MINUTE = timedelta(minutes=1)


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    """Its bundle calls everything positive; one series has an answer."""
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        # OpenVINO takes as long to load a model as this one takes to read ten series
        settings = AnalysisSettings(engine="torch")
        opened.analyser = replace(opened.analyser, settings=settings)
        opened.receive(head_series())
        job = opened.ledger.reading.claim(
            owner="before", now=opened.clock.now, lease=MINUTE, max_attempts=2
        )
        opened.ledger.reading.finish(
            job,
            now=opened.clock.now,
            answer=Answer.PRESENT,
            series_probability=0.875,
            bundle_sha256=opened.active_bundle.current().sha256,
            results=[],
            destinations=[],
        )
        yield opened


def ask(node: AnalysingNode, bundle: Path, *, sha256: str = "") -> None:
    """Of all that has an answer."""
    reader = NewReader(name="calm", sha256=sha256 or read_header(bundle).sha256, path=str(bundle))
    plan = node.ledger.rereading.plan(
        Wanted(since=node.clock.now - MINUTE), sha256=reader.sha256, deliver=False
    )
    node.ledger.rereading.ask(plan, reader, deliver=False, who="jo", now=node.clock.now)


def beside(node: AnalysingNode) -> SecondReading:
    (reading,) = node.ledger.rereading.of_job(1)
    return reading


def second_reader(node: AnalysingNode, load) -> SecondReader:
    return SecondReader(
        ledger=node.ledger.reading,
        reader=node.analyser.reader,
        detectors=Detectors(active_bundle=node.active_bundle, load=load),
        owner="first",
        lease=MINUTE,
        clock=node.clock,
        stop=node.stop,
    )


def test_the_answer_stands_beside_the_first(node, calm_bundle):
    """The job stays as it is, and nothing is delivered."""
    job = node.job
    ask(node, calm_bundle)
    assert node.analyser.do_next(node.analyser.detectors.active())
    reading = beside(node)
    assert (reading.state, reading.answer) == (ReadingState.DONE, Answer.ABSENT)
    assert 0 < reading.series_probability < 0.875
    assert node.job == job
    assert node.ledger.operator.results(1) == node.deliveries() == []
    assert not node.analyser.do_next(node.analyser.detectors.active())


def test_the_rules_of_the_site_hold_for_it(node, calm_bundle):
    """It reads what a rule lets be read; a rule that holds series does not, as it has an answer."""
    conditions = Conditions(kernel=("BONE",))
    read = RuleOfSite(name="our-bone", action="read", conditions=conditions)
    hold = RuleOfSite(name="bone", action="hold", conditions=conditions)
    node.receive(head_series(SeriesInstanceUID="1.2.3", ConvolutionKernel="BONE"))
    node.use_site_rules(SiteRules(rules=(read,)))
    assert node.read_next()
    ask(node, calm_bundle)
    node.use_site_rules(SiteRules(rules=(hold, read)))
    while node.analyser.second_reader.read_next():
        pass
    (reading,) = node.ledger.rereading.of_job(2)
    assert (reading.state, reading.detail) == (ReadingState.DONE, None)


def test_a_series_that_is_complete_interrupts_it_at_once(node, calm_bundle):
    """It arrives during the first batch; the real job is read, then the reading goes on, and no
    slice is computed twice.
    """
    ask(node, calm_bundle)
    engine = CountingEngine(node, lambda: node.receive(head_series(SeriesInstanceUID="1.2.3")))
    reader = second_reader(node, lambda bundle: Detector(bundle, engine))
    assert reader.read_next()
    assert (beside(node).state, beside(node).attempts) == (ReadingState.WAITING, 0)
    computed = engine.slices
    assert 0 < computed <= 12
    assert not reader.read_next(), "a series is ready"
    assert node.read_next()
    assert (node.job.id, node.job.state) == (2, JobState.DONE)
    assert reader.read_next()
    assert beside(node).state is ReadingState.DONE
    assert engine.slices == 12


def test_a_series_that_arrives_comes_first(node, calm_bundle):
    """Its preview makes the reading of the complete series short."""
    ask(node, calm_bundle)
    node.receive(head_series(SeriesInstanceUID="1.2.3"), ready_in=MINUTE)
    assert not node.analyser.second_reader.read_next()
    assert beside(node).state is ReadingState.WAITING
    detector = node.analyser.detectors.active()
    assert node.analyser.previewer.preview_next(detector)
    assert node.analyser.do_next(detector)
    assert beside(node).state is ReadingState.DONE


def test_the_shadow_reads_what_the_active_bundle_has_read(node, calm_bundle):
    """From its start on; the pixels of the series are not kept for it."""
    header = read_header(calm_bundle)
    node.ledger.shadows.start(
        path=str(calm_bundle),
        sha256=header.sha256,
        name=header.name,
        who="jo",
        why="",
        now=node.clock.now,
    )
    node.receive(head_series(SeriesInstanceUID="1.2.3"))
    assert node.read_next()
    results = node.ledger.operator.results(2)
    detector = node.analyser.detectors.active()
    assert node.analyser.do_next(detector)
    (reading,) = node.ledger.rereading.of_job(2)
    assert (reading.purpose, reading.answer) == ("shadow", Answer.ABSENT)
    assert node.ledger.operator.results(2) == results
    assert node.ledger.rereading.of_job(1) == []
    assert not node.analyser.do_next(detector)


def test_a_missing_or_changed_bundle_is_the_end_of_its_readings_only(node, tmp_path, calm_bundle):
    """Named, at once; the node goes on."""
    ask(node, calm_bundle, sha256="0" * 64)
    gone = tmp_path / "gone.safetensors"
    ask(node, gone, sha256="1" * 64)
    for _ in range(2):
        assert node.analyser.second_reader.read_next()
    changed, missing = node.ledger.rereading.of_job(1)
    assert (changed.state, missing.state) == (ReadingState.FAILED, ReadingState.FAILED)
    assert "its sha256 is not the one that was asked for" in changed.detail
    assert f"{gone}: cannot read the bundle" in missing.detail
    assert not node.analyser.second_reader.read_next()


def test_a_device_without_room_for_the_second_model_keeps_nobody_waiting(node, calm_bundle):
    """The active one is loaded."""

    def no_room(_: Bundle) -> Detector:
        raise Unavailable("no memory")

    ask(node, calm_bundle)
    assert second_reader(node, no_room).read_next()
    assert "cannot be loaded: no memory" in beside(node).detail
    assert beside(node).state is ReadingState.FAILED


def test_a_series_that_is_refused_today(node, calm_bundle):
    """The rules have changed since it was read."""
    ask(node, calm_bundle)
    refusing = node.ledger.operator.instances(node.job)
    for instance in refusing[3:]:
        node.spool.absolute(instance.path).write_bytes(
            node.spool.absolute(refusing[0].path).read_bytes()
        )
    assert node.analyser.second_reader.read_next()
    assert beside(node).state is ReadingState.REFUSED
    assert ": " in beside(node).detail


def test_what_cannot_be_read_is_tried_three_times(node, calm_bundle):
    """A file is missing; the words of a bug, which may quote a patient, are not kept."""
    ask(node, calm_bundle)
    path = node.spool.absolute(node.ledger.operator.instances(node.job)[0].path)
    data = path.read_bytes()
    path.unlink()
    assert node.analyser.second_reader.read_next()
    assert not node.analyser.second_reader.read_next(), "not at once"
    path.write_bytes(data)
    reader = second_reader(node, lambda bundle: Detector(bundle, failing(node, "of Jane Doe")))
    for _ in range(MOST_ATTEMPTS - 1):
        node.clock.now += MINUTE
        with capture_logs():
            assert reader.read_next()
    assert beside(node).state is ReadingState.FAILED
    assert beside(node).detail.startswith("ZeroDivisionError: see the log")


def failing(node: AnalysingNode, words: str) -> CountingEngine:
    def fail() -> None:
        raise ZeroDivisionError(words)

    return CountingEngine(node, fail)


def test_a_lost_gpu_ends_the_process_and_counts(node, calm_bundle):
    """Only a new process gets it back."""

    def lose() -> None:
        raise DEVICE_LOST

    ask(node, calm_bundle)
    engine = CountingEngine(node, lose)
    with pytest.raises(DeviceLost):
        second_reader(node, lambda bundle: Detector(bundle, engine)).read_next()
    assert (beside(node).state, beside(node).attempts) == (ReadingState.WAITING, 1)


def test_a_process_that_stops_gives_it_back(node, calm_bundle):
    ask(node, calm_bundle)
    node.stop.set()
    assert node.analyser.second_reader.read_next()
    assert (beside(node).state, beside(node).attempts) == (ReadingState.WAITING, 0)


def test_at_most_two_models_are_loaded(node, calm_bundle, untrained_bundle, tmp_path):
    """The active one stays; another one is loaded once for all that it reads, and replaced."""
    loaded = []

    def load(bundle: Bundle) -> Detector:
        loaded.append(bundle.sha256)
        return Detector(bundle)

    detectors = Detectors(active_bundle=node.active_bundle, load=load)
    other = tmp_path / "other.safetensors"
    other.write_bytes(untrained_bundle.read_bytes())
    active = detectors.active()
    assert detectors.of(calm_bundle) is detectors.of(calm_bundle)
    detectors.of(other)
    detectors.of(calm_bundle)
    assert detectors.active() is active
    assert len(loaded) == 4
