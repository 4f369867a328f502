"""Results of multi-frame objects refer to their frames; lists of objects name each object once."""

from collections.abc import Iterator

import pytest
from pydicom import Dataset

from tests.support.enhanced import ENHANCED_UID
from tests.support.report.golden import Golden, golden
from tests.support.report.report_examples import of_kind
from tests.support.report.sr_tree import walk

STUDIES = {
    "enhanced": [f"{ENHANCED_UID}2"],
    "concatenation": [f"{ENHANCED_UID}3.1", f"{ENHANCED_UID}3.2"],
}


def images_of(study: Golden) -> set[tuple[str, int]]:
    return {(slice_.sop_instance_uid, slice_.frame_number) for slice_ in study.series.slices}


def positive_images_of(study: Golden) -> set[tuple[str, int]]:
    return {
        (slice_.sop_instance_uid, slice_.frame_number)
        for slice_ in study.reading.slices
        if slice_.probability >= study.reading.threshold or slice_.findings
    }


def referred(items: list[Dataset]) -> list[tuple[str, int]]:
    """Every frame, in the order of the items."""
    return [
        (item.ReferencedSOPInstanceUID, int(number))
        for item in items
        for number in (
            [item.ReferencedFrameNumber]
            if item["ReferencedFrameNumber"].VM == 1
            else item.ReferencedFrameNumber
        )
    ]


def listed(items: list[Dataset]) -> list[str]:
    """Objects, of which no frame is named."""
    assert not any("ReferencedFrameNumber" in item for item in items)
    return [item.ReferencedSOPInstanceUID for item in items]


def evidence_of(document: Dataset) -> list[str]:
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == f"{ENHANCED_UID}1"
    return listed(series.ReferencedSOPSequence)


def image_items(document: Dataset) -> Iterator[Dataset]:
    for item in walk(document):
        if item.get("ValueType") == "IMAGE":
            yield from item.ReferencedSOPSequence


@pytest.mark.parametrize("name", STUDIES)
def test_documents(name: str) -> None:
    """SR and key objects: each image item names one frame, the evidence each object once."""
    study = golden(name)
    for kind in ("sr", "key_objects"):
        (document,) = of_kind(study.results, kind)
        assert sorted(evidence_of(document)) == STUDIES[name]
        items = list(image_items(document))
        assert all(item["ReferencedFrameNumber"].VM == 1 for item in items)
        assert set(referred(items)) == positive_images_of(study)


@pytest.mark.parametrize("name", STUDIES)
def test_presentation_states(name: str) -> None:
    study = golden(name)
    states = of_kind(study.results, "presentation_state")
    shown = []
    for state in states:
        (series,) = state.ReferencedSeriesSequence
        of_state = referred(series.ReferencedImageSequence)
        annotated = [
            image
            for annotation in state.GraphicAnnotationSequence
            for image in referred(annotation.ReferencedImageSequence)
        ]
        assert sorted(annotated) == sorted(of_state)
        uids = [item.ReferencedSOPInstanceUID for item in series.ReferencedImageSequence]
        assert len(uids) == len(set(uids))
        shown += of_state
    assert set(shown) == positive_images_of(study)
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("name", STUDIES)
def test_pictures(name: str) -> None:
    study = golden(name)
    overlays = of_kind(study.results, "overlay")
    sources = [referred(overlay.SourceImageSequence) for overlay in overlays]
    assert all(len(source) == 1 for source in sources)
    assert len({str(source) for source in sources}) == len(overlays) == 4
    assert len({overlay.SOPInstanceUID for overlay in overlays}) == 4
    (summary,) = of_kind(study.results, "summary")
    assert set(referred(summary.SourceImageSequence)) == positive_images_of(study)
    for picture in (*overlays, summary):
        (series,) = picture.ReferencedSeriesSequence
        assert set(listed(series.ReferencedInstanceSequence)) <= set(STUDIES[name])


@pytest.mark.parametrize("name", STUDIES)
def test_parametric_map(name: str) -> None:
    """Each of its frames names the source frame at its place."""
    study = golden(name)
    (map_,) = of_kind(study.results, "parametric_map")
    (series,) = map_.ReferencedSeriesSequence
    assert sorted(listed(series.ReferencedInstanceSequence)) == STUDIES[name]
    assert set(referred(map_.SourceImageSequence)) == images_of(study)
    place_of = {
        (slice_.sop_instance_uid, slice_.frame_number): slice_.image_position_mm
        for slice_ in study.series.slices
    }
    for group in map_.PerFrameFunctionalGroupsSequence:
        (source,) = referred(group.DerivationImageSequence[0].SourceImageSequence)
        place_mm = group.PlanePositionSequence[0].ImagePositionPatient
        assert tuple(place_mm) == pytest.approx(place_of.pop(source))
    assert place_of == {}


@pytest.mark.parametrize("name", STUDIES)
def test_segmentation(name: str) -> None:
    """Each of its frames names the source frame at its place."""
    study = golden(name)
    (segmentation,) = of_kind(study.results, "segmentation")
    place_of = {
        (slice_.sop_instance_uid, slice_.frame_number): slice_.image_position_mm
        for slice_ in study.series.slices
    }
    assert set(referred(segmentation.SourceImageSequence)) <= images_of(study)
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        (source,) = referred(group.DerivationImageSequence[0].SourceImageSequence)
        place_mm = group.PlanePositionSequence[0].ImagePositionPatient
        assert tuple(place_mm) == pytest.approx(place_of[source])


def test_what_is_said_of_the_head_is_that_of_the_classic_series() -> None:
    """The comments of the SR, apart from the names of the images."""
    classic, frames = golden("positive"), golden("concatenation")
    for slice_, of_classic in zip(frames.reading.slices, classic.reading.slices, strict=True):
        assert slice_.probability == of_classic.probability
        assert slice_.findings == of_classic.findings
        assert slice_.position_mm == pytest.approx(of_classic.position_mm)
