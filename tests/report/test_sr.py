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

from ich_node.detection.reading import Finding
from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID
from ich_node.report import Predecessor, ReportOptions, codes
from tests.support.report.report_examples import (
    ALGORITHM,
    finding,
    make_source,
    negative_reading,
    positive_reading,
    read_by_hand,
    report,
)
from tests.support.report.sr_tree import (
    certainty,
    faults,
    groups,
    items,
    name,
    regions,
    texts,
    tracking,
    trackings,
    walk,
)


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
    return next(
        item for item in items(planar(document)) if item.ValueType == "NUM"
    ).MeasuredValueSequence[0]


def coded(document: Dataset, concept: tuple[str, str]) -> Dataset:
    return next(
        item for item in items(planar(document)) if name(item) == concept
    ).ConceptCodeSequence[0]


def same_tracking(document: Dataset) -> None:
    for item in walk(document):
        if name(item) == ("112040", "DCM"):
            item.UID = "1.2.3"


def turned_round(document: Dataset) -> None:
    """The peak of the first lesion is less sure than its other mark."""
    number(document).NumericValue = "12"


def apart(document: Dataset) -> None:
    """A mark of the first lesion at the end, behind the second lesion."""
    measurements = next(item for item in items(document) if name(item) == ("126010", "DCM"))
    sequence = list(measurements.ContentSequence)
    first = next(index for index, group in enumerate(sequence) if regions(group))
    measurements.ContentSequence = [*sequence[:first], *sequence[first + 1 :], sequence[first]]


MUTATIONS: dict[str, Callable[[Dataset], object]] = {
    "no tracking UID": lambda document: remove(planar(document), ("112040", "DCM")),
    "one tracking UID for all": same_tracking,
    "the peak of a lesion is not its first mark": turned_round,
    "the marks of a lesion stand apart": apart,
    "MULTIPOINT in a planar group": multipoint,
    "bad UCUM unit": lambda document: setattr(
        number(document).MeasurementUnitsCodeSequence[0], "CodeValue", "percent"
    ),
    "more than 100 percent": lambda document: setattr(number(document), "NumericValue", "101"),
    "wrong SNOMED value": lambda document: setattr(
        coded(document, ("121071", "DCM")), "CodeValue", "1386001"
    ),
    "Manual Processing as the family": lambda document: setattr(
        coded(document, ("111000", "DCM")), "CodeValue", "123109"
    ),
    "no Procedure reported": lambda document: remove(document, ("121058", "DCM")),
    "no Image Library": lambda document: remove(document, ("111028", "DCM")),
    "point outside the image": lambda document: setattr(
        regions(planar(document))[0], "GraphicData", [600.0, 10.0]
    ),
    "a picture that is not whole": lambda document: setattr(
        next(item for item in walk(document) if item.get("GraphicType") == "POLYLINE"),
        "GraphicData",
        [0, 0, 9, 0, 9, 9, 0, 9, 0, 0],
    ),
    "point on a foreign image": lambda document: setattr(
        regions(planar(document))[0].ContentSequence[0].ReferencedSOPSequence[0],
        "ReferencedSOPInstanceUID",
        "1.2.3",
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
    """One group of the series, one a positive slice, one POINT a mark: certainty in percent, of a
    peak also the height in mm.
    """
    document = positive[0].dataset
    assert len(groups(document)) == 1 + 3 + 3
    assert [group for group in groups(document) if regions(group)] == groups(document)[4:]
    numbers = [
        item.MeasuredValueSequence[0].NumericValue
        for group in groups(document)
        for item in items(group)
        if item.ValueType == "NUM"
    ]
    assert [float(value) for value in numbers] == [
        97.4,
        81.0,
        97.4,
        90.0,
        97.0,
        10.0,
        97.0,
        55.0,
        5.0,
    ]
    assert (document.CompletionFlag, document.PreliminaryFlag, document.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )


def test_negative_reading_is_an_answer(negative):
    """A negative reading is one SR that says Absent of the series, with every slice in its library,
    and no overlay.
    """
    (result,) = negative
    (group,) = groups(result.dataset)
    meanings = [
        item.ConceptCodeSequence[0].CodeMeaning for item in items(group) if item.ValueType == "CODE"
    ]
    assert "Absent" in meanings
    library = next(item for item in items(result.dataset) if name(item) == ("111028", "DCM"))
    assert sum(item.ValueType == "IMAGE" for item in walk(library)) == 6


def test_a_point_is_the_centre_of_its_pixel():
    """Index (row 10, column 20) is written 20.5\\10.5: DICOM counts from the corner of the first
    pixel.
    """
    source = make_source(1)
    reading = read_by_hand(source, [0.9], {0: (finding(10, 20, 0.9),)})
    document = report(source, reading)[0].dataset
    assert list(regions(planar(document))[0].GraphicData) == [20.5, 10.5]


def test_every_group_of_an_answer_has_coordinates(positive, negative):
    """A viewer in use opens no document with a group that has none: what is said of slices is
    inferred from whole pictures.
    """
    for results in (positive, negative):
        for group in groups(results[0].dataset):
            assert [item for item in walk(group) if item.ValueType == "SCOORD"]


def inferred_from(group: Dataset) -> str:
    """The instance whose whole picture the certainty was inferred from."""
    (picture,) = [item for item in walk(group) if item.get("RelationshipType") == "INFERRED FROM"]
    return str(picture.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def test_a_certainty_names_the_picture_that_it_comes_from():
    """That of the series is its likeliest slice, also in a negative reading; that of a slice is
    itself.
    """
    source = make_source(4)
    uids = [slice_.sop_instance_uid for slice_ in source.series.slices]
    negative = report(source, read_by_hand(source, [0.1, 0.2, 0.4, 0.3], {}))[0].dataset
    assert [inferred_from(group) for group in groups(negative)] == [uids[2]]
    marked = {1: (finding(100, 100, 0.9),)}
    positive = report(source, read_by_hand(source, [0.8, 1.0, 1.0, 0.1], marked))[0].dataset
    assert [inferred_from(group) for group in groups(positive)[:4]] == [
        uids[1],
        uids[0],
        uids[1],
        uids[2],
    ]


def test_a_positive_reading_without_any_mark_is_written():
    """Slices over the threshold and no peak: Present, without a point."""
    source = make_source(3)
    document = report(source, read_by_hand(source, [0.1, 0.9, 0.2], {}))[0].dataset
    assert faults(document, source.series) == []
    assert not [item for item in walk(document) if item.get("GraphicType") == "POINT"]


def test_findings_are_cut_at_five_and_those_outside_are_dropped_aloud():
    """The highest five of a slice are listed, none outside of the image, and a comment counts the
    rest.
    """
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
    assert names.count(("110910", "DCM")) == 1  # Pixel Data Rows


def test_the_image_library_says_of_the_group_what_all_images_share():
    """Matrix and orientation once, three numbers of position for each image; what differs is said
    of each.
    """
    source = make_source(3)
    source.datasets[1].SliceThickness = "2.5"
    document = report(source, negative_reading(source))[0].dataset
    library = next(item for item in items(document) if name(item) == ("111028", "DCM"))
    (group,) = items(library)
    shared = [name(item) for item in items(group) if item.ValueType != "IMAGE"]
    assert ("110904", "DCM") in shared
    assert ("112225", "DCM") not in shared
    images = [item for item in items(group) if item.ValueType == "IMAGE"]
    assert [len(image.ContentSequence) for image in images] == [4, 4, 4]
    thickness = [
        next(item for item in items(image) if name(item) == ("112225", "DCM")) for image in images
    ]
    assert [float(item.MeasuredValueSequence[0].NumericValue) for item in thickness] == [
        5.0,
        2.5,
        5.0,
    ]


def test_highdicom_reads_it_back(positive, tmp_path):
    """The reader finds the planar groups with their tracking UIDs."""
    path = tmp_path / "sr.dcm"
    path.write_bytes(positive[0].encode())
    planar_groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in planar_groups] == [
        "lesion 1",
        "lesion 1",
        "lesion 2",
    ]
    assert all(group.roi.GraphicType == "POINT" for group in planar_groups)


def test_values_are_rounded():
    """No float noise: a NUM has one decimal and no second, binary representation."""
    source = make_source(1)
    document = report(source, read_by_hand(source, [0.812345678], {}))[0].dataset
    measured = next(
        item for item in walk(document) if name(item) == ("111012", "DCM")
    ).MeasuredValueSequence[0]
    assert str(measured.NumericValue) == "81.2"


@pytest.mark.parametrize(
    ("probability", "percent"), [(0.99999, 99.9), (0.00001, 0.1), (0.5, 50.0), (1.0, 100.0)]
)
def test_what_is_not_certain_is_not_called_so(probability, percent):
    """Rounding makes no certainty of 99.999 %."""
    document = report(make_source(1), read_by_hand(make_source(1), [probability], {}))[0].dataset
    measured = next(
        item for item in walk(document) if name(item) == ("111012", "DCM")
    ).MeasuredValueSequence[0]
    assert float(measured.NumericValue) == percent


def test_the_same_reading_gives_the_same_bytes():
    """A second build, as after a crash, is the same to the last byte."""
    first, second = (report(make_source(), positive_reading(make_source())) for _ in range(2))
    assert [result.encode() for result in first] == [result.encode() for result in second]


def test_another_revision_is_other_objects():
    """No UID is used for two contents: another revision, digest or engine gives other ones."""
    source = make_source(4)
    reading = read_by_hand(source, [0.1, 0.9, 0.9, 0.1], {1: (finding(90, 90, 0.9),)})
    sets = [
        report(source, reading),
        report(replace(source, revision=2), reading),
        report(replace(source, digest="00" * 32), reading),
        report(source, replace(reading, engine="another")),
    ]
    uids = [{result.sop_instance_uid for result in results} for results in sets]
    assert all(not uids[0] & others for others in uids[1:])


def test_the_file_can_be_read_and_says_who_wrote_it(positive):
    """Part 10, Explicit VR Little Endian (pictures in RLE), written by ich-node."""
    for result in positive:
        dataset = pydicom.dcmread(io.BytesIO(result.encode()))
        is_picture = result.kind in ("summary", "overlay")
        assert dataset.file_meta.TransferSyntaxUID == (
            "1.2.840.10008.1.2.5" if is_picture else "1.2.840.10008.1.2.1"
        )
        assert (
            dataset.file_meta.MediaStorageSOPInstanceUID
            == result.sop_instance_uid
            == dataset.SOPInstanceUID
        )
        assert dataset.SOPClassUID == result.sop_class_uid
        assert dataset.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
        assert dataset.file_meta.ImplementationVersionName == "ICHNODE_0.1.0"


def test_lesions_come_by_certainty_with_all_their_marks():
    """A bleed through three slices and a surer one elsewhere: two lesions, the surer is number 1,
    each mark its own point.
    """
    source = make_source(6)
    through = {index: (finding(100, 120, 0.6 + 0.1 * (index == 2)),) for index in (1, 2)}
    reading = read_by_hand(
        source, [0.8] * 6, {**through, 3: (finding(104, 122, 0.65), finding(300, 320, 0.95))}
    )
    document = report(source, reading)[0].dataset
    assert faults(document, source.series) == []
    planar_groups = [group for group in groups(document) if regions(group)]
    assert [tracking(group)[0] for group in planar_groups] == [
        "lesion 1",
        "lesion 2",
        "lesion 2",
        "lesion 2",
    ]
    assert [certainty(group) for group in planar_groups] == [95.0, 70.0, 60.0, 65.0]
    sentences = [text for text in texts(document) if text.startswith("Lesion")]
    assert sentences == [
        "Lesion 1: certainty 95.0 %, slice 4 of 6, 5.0 mm high; peak on slice 4 at column 320.5,"
        " row 300.5 "
        "(x 29.0, y 20.0, z 20.0 mm).",
        "Lesion 2: certainty 70.0 %, slices 2 to 4 of 6, 15.0 mm high; peak on slice 3 at column"
        " 120.5, row 100.5 "
        "(x -61.0, y -70.0, z 15.0 mm).",
    ]


def test_a_lesion_keeps_its_tracking_uid_in_the_next_revision():
    """Late slices shift the numbers of slices, another bundle the peak by a pixel: it is the same
    lesion, and the same series.
    """
    first, later = make_source(4), make_source(6)
    reading = read_by_hand(
        first, [0.1, 0.9, 0.9, 0.1], {1: (finding(90, 90, 0.9),), 2: (finding(300, 300, 0.8),)}
    )
    again = read_by_hand(
        later,
        [0.1, 0.9, 0.9, 0.9, 0.1, 0.1],
        {1: (finding(91, 90, 0.7),), 2: (finding(300, 300, 0.8),)},
    )
    other = replace(ALGORITHM, bundle_sha256="01" * 32)
    documents = [
        report(first, reading)[0].dataset,
        report(replace(later, revision=2, digest="ef" * 32), again, algorithm=other)[0].dataset,
    ]
    uids = [dict(trackings(document)) for document in documents]
    assert uids[0]["series"] == uids[1]["series"]
    assert (uids[0]["lesion 1"], uids[0]["lesion 2"]) == (uids[1]["lesion 2"], uids[1]["lesion 1"])
    assert uids[0]["slice 2"] == uids[1]["slice 2"]
    assert documents[0].SOPInstanceUID != documents[1].SOPInstanceUID


def test_a_new_revision_names_its_predecessor():
    """The document that it replaces, in its series of its study; the first revision names none."""
    source = make_source(2)
    first = report(source, negative_reading(source))[0].dataset
    assert "PredecessorDocumentsSequence" not in first
    predecessor = Predecessor(
        series_instance_uid=first.SeriesInstanceUID,
        sop_class_uid=first.SOPClassUID,
        sop_instance_uid=first.SOPInstanceUID,
    )
    second = report(replace(source, revision=2, predecessor=predecessor), negative_reading(source))[
        0
    ].dataset
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (
        first.StudyInstanceUID,
        first.SeriesInstanceUID,
    )
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (
        first.SOPClassUID,
        first.SOPInstanceUID,
    )


@pytest.mark.parametrize(
    ("sr_class", "sop_class"),
    [
        ("comprehensive3d", "1.2.840.10008.5.1.4.1.1.88.34"),
        ("comprehensive", "1.2.840.10008.5.1.4.1.1.88.33"),
        ("enhanced", "1.2.840.10008.5.1.4.1.1.88.22"),
    ],
)
def test_the_sr_class_can_be_chosen(sr_class, sop_class):
    """The same tree as another SOP class, under another UID."""
    source = make_source(6)
    usual, chosen = (
        report(source, positive_reading(source), options=ReportOptions(sr_class=name_))[0]
        for name_ in ("comprehensive3d", sr_class)
    )
    assert chosen.sop_class_uid == chosen.dataset.SOPClassUID == sop_class
    assert chosen.dataset.ContentSequence == usual.dataset.ContentSequence
    assert (chosen.sop_instance_uid == usual.sop_instance_uid) == (sr_class == "comprehensive3d")
