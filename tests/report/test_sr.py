"""The structured report as a document: codes, classes, revisions, bytes."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pydicom
import pytest
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code

from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID
from ich_node.report import Predecessor, ReportOptions, codes
from ich_node.report.predecessor import KEYWORDS, predecessor_in
from tests.support.report.report_examples import (
    AT,
    finding,
    make_source,
    negative_reading,
    positive_reading,
    read_by_hand,
    refused,
    report,
    sr_of,
)
from tests.support.report.sr_tree import (
    groups,
    items,
    name,
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


def test_the_same_reading_gives_the_same_bytes():
    """A second build, as after a crash, is the same to the last byte."""
    source = make_source(rows=128, columns=128)
    first, second = (report(source, positive_reading(source)) for _ in range(2))
    assert [result.encode() for result in first] == [result.encode() for result in second]


def test_another_revision_is_other_objects():
    """No UID is used for two contents: another revision, digest or engine gives other ones."""
    source = make_source(4, rows=128, columns=128)
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


def test_a_new_revision_names_its_predecessor():
    """The document that it replaces, in its series of its study; the first revision names none."""
    source = make_source(2)
    first = sr_of(source, negative_reading(source))
    assert "PredecessorDocumentsSequence" not in first
    predecessor = Predecessor(
        series_instance_uid=first.SeriesInstanceUID,
        sop_class_uid=first.SOPClassUID,
        sop_instance_uid=first.SOPInstanceUID,
    )
    second = sr_of(replace(source, revision=2, predecessor=predecessor), negative_reading(source))
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


def test_a_report_can_be_named_as_predecessor_with_its_time():
    """Read back from its file, in the zone of the source."""
    source = make_source(
        2, change=lambda dataset: dataset.update({"TimezoneOffsetFromUTC": "-0330"})
    )
    written = report(source, negative_reading(source))[0]
    document = pydicom.dcmread(io.BytesIO(written.encode()), specific_tags=list(KEYWORDS))
    named = predecessor_in(document)
    assert (named.sop_instance_uid, named.sop_class_uid, named.series_instance_uid) == (
        written.sop_instance_uid,
        written.sop_class_uid,
        written.dataset.SeriesInstanceUID,
    )
    assert named.at == AT
    assert f"{named.at:%H:%M %z}" == "11:00 -0330"


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
        sr_of(source, positive_reading(source), options=ReportOptions(sr_class=name_))
        for name_ in ("comprehensive3d", sr_class)
    )
    assert chosen.SOPClassUID == sop_class
    assert chosen.ContentSequence == usual.ContentSequence
    assert (chosen.SOPInstanceUID == usual.SOPInstanceUID) == (sr_class == "comprehensive3d")


def test_every_code_of_the_results_is_in_the_table(positive, negative):
    """Also those that highdicom's templates write: the conformance statement lists the table."""
    table = set(codes_of_the_table())
    for result in (*positive, *negative, refused(make_source(2))):
        for item in result.dataset.iterall():
            if item.keyword.endswith("CodeSequence") and item.value:
                code = item.value[0]
                assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) in table


def codes_of_the_table() -> Iterator[tuple[str, str, str]]:
    for value in vars(codes).values():
        for code in [value] if isinstance(value, Code) else value if type(value) is tuple else ():
            yield code.value, code.scheme_designator, code.meaning
