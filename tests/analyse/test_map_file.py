"""What is kept of each reading for people who look: the same as what the report says and shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import numpy as np
import pydicom
import pytest

from ich_node.analyse.map_file import reading_with_maps
from ich_node.answer import Answer
from ich_node.detection.kept_reading import KeptReading, UnreadableReading, decode
from ich_node.detection.on_slice import on_slice
from ich_node.ledger import JobState
from ich_node.model.detector import Detector
from ich_node.report import lesions_of
from ich_node.series.read import read_series
from tests.support.analysing import AnalysingNode
from tests.support.heads import head_series
from tests.support.node import open_node
from tests.support.study_series import reconstruction


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        yield opened


def kept(node: AnalysingNode, job_id: int):
    return decode(node.spool.read(node.ledger.maps.of(job_id).path))


def test_the_maps_are_those_that_the_report_shows(node):
    """On every slice within what 16 bits can say, and with the highest place at the same pixel."""
    job = node.receive(head_series())
    node.read_next()
    detector = Detector(node.active_bundle.current())
    series = read_series(head_series())
    reading = detector.read(series)
    file = kept(node, job.id)
    assert file.reading.series_probability == reading.series_probability
    assert [each.image for each in file.reading.slices] == [each.image for each in series.slices]
    assert [each.logit for each in file.reading.maps] == [each.logit for each in reading.maps]
    for slice_, its in zip(series.slices, file.reading.slices, strict=True):
        of_report = next(each for each in reading.maps if each.image == slice_.image)
        wanted_YX = detector.likelihood_on_slice(of_report, slice_)
        its_map = file.reading.maps[its.map_index]
        shown_YX = on_slice(
            file.likelihood_MYX[its.map_index].astype(np.float32),
            its_map.grid,
            size_px=its_map.size_px,
            shape=its.shape,
        )
        np.testing.assert_allclose(shown_YX, wanted_YX, rtol=1e-3, atol=1e-7)
        assert wanted_YX[np.unravel_index(shown_YX.argmax(), shown_YX.shape)] == pytest.approx(
            wanted_YX.max(), rel=1e-3
        )


def test_the_marks_are_those_of_the_sr(node):
    """The same places on the same slices, and each lesion on the slices that it names."""
    job = node.receive(head_series())
    node.read_next()
    (path,) = (each.path for each in node.ledger.operator.results(job.id) if each.kind == "sr")
    report = pydicom.dcmread(BytesIO(node.spool.read(path)))
    reading: KeptReading = kept(node, job.id).reading
    # DICOM counts from the corner of the first pixel, we from its centre
    marked = {
        (each.sop_instance_uid, round(mark.column + 0.5, 2), round(mark.row + 0.5, 2))
        for each in reading.slices
        for mark in each.marks
    }
    assert marked == _points(report)
    for lesion in reading.lesions:
        for index in lesion.slices:
            assert lesion.number in [mark.lesion for mark in reading.slices[index].marks]


def _points(dataset: pydicom.Dataset) -> set[tuple[str, float, float]]:
    """All places on images that an SR names: object, column, row."""
    found: set[tuple[str, float, float]] = set()
    if dataset.get("GraphicType") == "POINT":
        column, row = (round(float(value), 2) for value in dataset.GraphicData)
        image = dataset.ContentSequence[0].ReferencedSOPSequence[0]
        found.add((image.ReferencedSOPInstanceUID, column, row))
    for item in dataset.get("ContentSequence", []):
        found |= _points(item)
    return found


def test_reading_again_keeps_the_same_file_once(node):
    """Another analyser had read the job, and was killed before it could say so."""
    node.receive(head_series())
    claimed = node.ledger.reading.claim(
        owner="lost", now=node.clock.now, lease=timedelta(seconds=60), max_attempts=2
    )
    detector = Detector(node.active_bundle.current())
    first = node.analyser.read_job(claimed, detector).map_file
    assert node.ledger.maps.of(claimed.id) is None, "nothing is recorded before the answer is"
    node.clock.now += timedelta(hours=5)
    node.read_next()
    assert node.ledger.maps.of(claimed.id) == first
    assert node.spool.absolute(first.path).stat().st_size == first.size_bytes


def test_an_answer_that_nobody_hears_has_its_maps(tmp_path, calm_bundle):
    """A better reconstruction that agrees with the first one is read and not told."""
    with open_node(tmp_path, AnalysingNode, bundle=calm_bundle) as node:
        node.receive(reconstruction(1))
        node.read_next()
        job = node.receive(reconstruction(2, 5.0))
        node.read_next()
        assert (node.job.state, node.job.answer) == (JobState.DONE, Answer.ABSENT)
        assert node.ledger.operator.results(job.id) == []
        assert len(kept(node, job.id).reading.slices) == job.objects


def test_nothing_in_it_names_the_patient(node):
    job = node.receive(
        head_series(PatientName="Zyxwv^Quentin", PatientID="ID-778899", AccessionNumber="ACC-5566")
    )
    node.read_next()
    data = node.spool.read(node.ledger.maps.of(job.id).path)
    for identifier in (b"Zyxwv", b"Quentin", b"778899", b"5566", b"19500101"):
        assert identifier not in data


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_file_is_a_named_error(node, damage):
    job = node.receive(head_series())
    node.read_next()
    data = node.spool.read(node.ledger.maps.of(job.id).path)
    with pytest.raises(UnreadableReading):
        decode(data[: len(data) // 2] if damage == "cut" else b"not a file of ours")


def test_the_slices_of_a_slab_share_its_map(node):
    """Two thin slices were averaged for the network: both show what it said, one has the marks."""
    bundle = node.active_bundle.current()
    card = replace(bundle.card, input=replace(bundle.card.input, slab_mm=20.0))
    detector = Detector(replace(bundle, card=card))
    series = read_series(head_series())
    reading = detector.read(series)
    kept = reading_with_maps(reading, series, detector, lesions_of(series, reading)).reading
    assert [each.map_index for each in kept.slices] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert len(kept.maps) == 6
    marked = {index for index, each in enumerate(kept.slices) if each.marks}
    assert marked == {index for lesion in kept.lesions for index in lesion.slices} != set()
