"""The structured report says what was read, and where."""

import io
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import highdicom as hd
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes as dictionary
from report_examples import finding, make_source, negative_reading, positive_reading, read_by_hand, report
from sr_tree import faults, groups, items, name, regions, texts, walk

from ich_node.detection.detector import Finding
from ich_node.implementation import IMPLEMENTATION_CLASS_UID
from ich_node.report import codes


def test_pinned_codes_are_those_of_the_dictionaries():
    """Where pydicom knows a code by a keyword, ours has the same value and scheme."""
    pairs = {
        codes.FINDING: dictionary.DCM.Finding,
        codes.CERTAINTY_OF_FINDING: dictionary.DCM.CertaintyOfFinding,
        codes.PERCENT: dictionary.UCUM.Percent,
        codes.ARTIFICIAL_INTELLIGENCE: dictionary.cid7162.ArtificialIntelligence,
        codes.PROCEDURE_REPORTED: dictionary.DCM.ProcedureReported,
        codes.CT_PROCEDURE: dictionary.cid100.CTUnspecifiedBodyRegion,
        codes.COMMENT: dictionary.DCM.Comment,
        codes.DEVICE: dictionary.DCM.Device,
        codes.SLICE_THICKNESS: dictionary.DCM.SliceThickness,
        codes.SOURCE_IMAGE: dictionary.DCM.SourceImageForImageProcessingOperation,
        codes.PRESENT: dictionary.cid240.Present,
        codes.ABSENT: dictionary.cid240.Absent,
        codes.INTRACRANIAL: dictionary.cid4.Intracranial,
        codes.INTRACRANIAL_HEMORRHAGE: dictionary.SCT.IntracranialHemorrhage,
    }
    assert [(ours.value, ours.scheme_designator) for ours in pairs] == [
        (known.value, known.scheme_designator) for known in pairs.values()
    ]


def test_a_positive_and_a_negative_tree_have_no_fault(positive, negative):
    """The tests' own tree check passes on both."""
    series = make_source().series
    assert faults(positive[0].dataset, series) == []
    assert faults(negative[0].dataset, series) == []


def planar(document: Dataset) -> Dataset:
    return next(group for group in groups(document) if regions(group))


def remove(parent: Dataset, concept: tuple[str, str]) -> None:
    parent.ContentSequence = [item for item in items(parent) if name(item) != concept]


def multipoint(document: Dataset) -> None:
    region = regions(planar(document))[0]
    region.GraphicType, region.GraphicData = "MULTIPOINT", [1, 1, 2, 2]


def number(document: Dataset) -> Dataset:
    return next(item for item in items(planar(document)) if item.ValueType == "NUM").MeasuredValueSequence[0]


def coded(document: Dataset, concept: tuple[str, str]) -> Dataset:
    return next(item for item in items(planar(document)) if name(item) == concept).ConceptCodeSequence[0]


def same_tracking(document: Dataset) -> None:
    for item in walk(document):
        if name(item) == ("112040", "DCM"):
            item.UID = "1.2.3"


MUTATIONS: dict[str, Callable[[Dataset], object]] = {
    "no tracking UID": lambda document: remove(planar(document), ("112040", "DCM")),
    "one tracking UID for all": same_tracking,
    "MULTIPOINT in a planar group": multipoint,
    "bad UCUM unit": lambda document: setattr(number(document).MeasurementUnitsCodeSequence[0], "CodeValue", "percent"),
    "more than 100 percent": lambda document: setattr(number(document), "NumericValue", "101"),
    "wrong SNOMED value": lambda document: setattr(coded(document, ("121071", "DCM")), "CodeValue", "1386001"),
    "Manual Processing as the family": lambda document: setattr(coded(document, ("111000", "DCM")), "CodeValue", "123109"),
    "no Procedure reported": lambda document: remove(document, ("121058", "DCM")),
    "no Image Library": lambda document: remove(document, ("111028", "DCM")),
    "point outside the image": lambda document: setattr(regions(planar(document))[0], "GraphicData", [600.0, 10.0]),
    "point on a foreign image": lambda document: setattr(
        regions(planar(document))[0].ContentSequence[0].ReferencedSOPSequence[0], "ReferencedSOPInstanceUID", "1.2.3"
    ),
    "INFERRED FROM instead of SELECTED FROM": lambda document: setattr(
        regions(planar(document))[0].ContentSequence[0], "RelationshipType", "INFERRED FROM"
    ),
}


@pytest.mark.parametrize("fault", MUTATIONS)
def test_the_tree_check_sees_what_no_validator_does(fault, positive):
    """Each fault, put into a good tree, is found."""
    document = deepcopy(positive[0].dataset)
    MUTATIONS[fault](document)
    assert faults(document, make_source().series)


def test_positive_reading(positive):
    """One series group, one group a positive slice, one POINT a finding, with the certainty in percent."""
    document = positive[0].dataset
    assert len(groups(document)) == 1 + 3 + 3
    assert [group for group in groups(document) if regions(group)] == groups(document)[4:]
    numbers = [
        item.MeasuredValueSequence[0].NumericValue
        for group in groups(document)
        for item in items(group)
        if item.ValueType == "NUM"
    ]
    assert [float(value) for value in numbers] == [97.4, 81.0, 97.4, 90.0, 97.0, 97.0, 55.0]
    assert (document.CompletionFlag, document.PreliminaryFlag, document.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )


def test_negative_reading_is_an_answer(negative):
    """A negative reading is one SR that says Absent of the series, with every slice in its library, and no overlay."""
    (result,) = negative
    (group,) = groups(result.dataset)
    meanings = [item.ConceptCodeSequence[0].CodeMeaning for item in items(group) if item.ValueType == "CODE"]
    assert "Absent" in meanings
    library = next(item for item in items(result.dataset) if name(item) == ("111028", "DCM"))
    assert sum(item.ValueType == "IMAGE" for item in walk(library)) == 6


def test_a_point_is_the_centre_of_its_pixel():
    """Index (row 10, column 20) is written 20.5\\10.5: DICOM counts from the corner of the first pixel."""
    source = make_source(1)
    reading = read_by_hand(source, [0.9], {0: (finding(10, 20, 0.9),)})
    document = report(source, reading)[0].dataset
    assert list(regions(planar(document))[0].GraphicData) == [20.5, 10.5]


def test_every_group_has_coordinates(positive):
    """A positive slice without a mark borrows its neighbour's: a widespread viewer fails on groups without coordinates."""
    for group in groups(positive[0].dataset):
        assert [item for item in walk(group) if item.ValueType == "SCOORD"]


def test_a_positive_reading_without_any_mark_is_written():
    """Slices over the threshold and no peak: Present, without coordinates."""
    source = make_source(3)
    document = report(source, read_by_hand(source, [0.1, 0.9, 0.2], {}))[0].dataset
    assert faults(document, source.series) == []
    assert not [item for item in walk(document) if item.ValueType == "SCOORD"]


def test_findings_are_cut_at_five_and_those_outside_are_dropped_aloud():
    """The highest five of a slice are listed, none outside of the image, and a comment counts the rest."""
    source = make_source(2)
    many = tuple(finding(50 + 20 * index, 100, 0.1 * index) for index in range(1, 8))
    outside = Finding(row=-3.0, column=5.0, likelihood=9.0, probability=0.99)
    document = report(source, read_by_hand(source, [0.9, 0.1], {0: (*many, outside)}))[0].dataset
    assert faults(document, source.series) == []
    assert sum(bool(regions(group)) for group in groups(document)) == 5
    assert [text for text in texts(document) if text.startswith("3 findings are not listed")]


def test_comments_say_research_use_and_what_was_left_out(positive):
    """The comments hold the research sentence and the reasons, and no patient."""
    comments = texts(positive[0].dataset)
    assert "Research use only. Not a medical device." in comments
    assert "Objects of the series that were not read: 1 x localizer." in comments
    assert not [text for text in comments if "Eva" in text or "4711" in text]


def test_unknown_slice_thickness_is_not_invented():
    """Without SliceThickness the image library has no such item, and all others."""
    source = make_source(2, change=lambda dataset: setattr(dataset, "SliceThickness", None))
    document = report(source, negative_reading(source))[0].dataset
    names = [name(item) for item in walk(document)]
    assert ("112225", "DCM") not in names
    assert names.count(("110910", "DCM")) == 2  # Pixel Data Rows


def test_highdicom_reads_it_back(positive, tmp_path):
    """The reader finds the planar groups with their tracking UIDs."""
    path = tmp_path / "sr.dcm"
    path.write_bytes(positive[0].encode())
    planar_groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in planar_groups] == [
        "slice 3 finding 1",
        "slice 4 finding 1",
        "slice 4 finding 2",
    ]
    assert all(group.roi.GraphicType == "POINT" for group in planar_groups)


def test_values_are_rounded():
    """No float noise: a NUM has one decimal and no second, binary representation."""
    source = make_source(1)
    document = report(source, read_by_hand(source, [0.812345678], {}))[0].dataset
    measured = next(item for item in walk(document) if name(item) == ("111012", "DCM")).MeasuredValueSequence[0]
    assert str(measured.NumericValue) == "81.2"


def test_the_same_reading_gives_the_same_bytes():
    """A second build, as after a crash, is the same to the last byte."""
    first, second = (report(make_source(), positive_reading(make_source())) for _ in range(2))
    assert [result.encode() for result in first] == [result.encode() for result in second]


def test_another_revision_is_other_objects():
    """No UID is used for two contents: a changed revision, digest or time gives other ones."""
    source = make_source(4)
    reading = read_by_hand(source, [0.1, 0.9, 0.9, 0.1], {1: (finding(90, 90, 0.9),)})
    sets = [
        report(source, reading),
        report(replace(source, revision=2), reading),
        report(replace(source, digest="00" * 32), reading),
    ]
    uids = [{result.sop_instance_uid for result in results} for results in sets]
    assert not uids[0] & uids[1]
    assert not uids[0] & uids[2]
    trackings = [{item.UID for item in walk(results[0].dataset) if name(item) == ("112040", "DCM")} for results in sets]
    assert not trackings[0] & trackings[1]


def test_the_file_can_be_read_and_says_who_wrote_it(positive):
    """Part 10, Explicit VR Little Endian, written by ich-node."""
    for result in positive:
        dataset = pydicom.dcmread(io.BytesIO(result.encode()))
        assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert dataset.file_meta.MediaStorageSOPInstanceUID == result.sop_instance_uid == dataset.SOPInstanceUID
        assert dataset.SOPClassUID == result.sop_class_uid
        assert dataset.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
        assert dataset.file_meta.ImplementationVersionName == "ICHNODE_0.1.0"
