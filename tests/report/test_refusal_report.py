"""A series that could not be read has a report, too: undetermined, and why."""

import pytest
from pydicom import Dataset

from ich_node.errors import Refusal, ReportError
from ich_node.report import ReportOptions
from tests.support.report.odd_headers import with_raw_values
from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    refused,
    sr_of,
)
from tests.support.report.sr_tree import faults, groups, items, texts, trackings, walk
from tests.support.report.validators import dciodvfy, dcmtk


def test_a_refused_series_is_called_undetermined_and_never_absent():
    """Undetermined, the reason in words, all its images as evidence, no certainty; the same
    tracking UID as an answer has.
    """
    source = make_source(3)
    result = refused(source)
    assert faults(result.dataset, source.series) == []
    (group,) = groups(result.dataset)
    meanings = [
        item.ConceptCodeSequence[0].CodeMeaning for item in items(group) if item.ValueType == "CODE"
    ]
    assert "Undetermined" in meanings
    assert "Absent" not in meanings
    assert "Reason (bone_kernel): kernel H70h" in texts(result.dataset)
    (study,) = result.dataset.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 3
    answer = sr_of(source, negative_reading(source))
    assert trackings(result.dataset) == trackings(answer)
    assert result.sop_instance_uid != answer.SOPInstanceUID
    assert result.encode() == refused(make_source(3)).encode()


def test_what_is_not_ct_gets_no_document():
    """Nobody asked about results and localizers of another modality; their refusal stays in the
    ledger.
    """
    source = make_source(
        2, change=lambda dataset: setattr(dataset, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.7")
    )
    assert refused(source) is None


def test_a_refused_series_without_a_uid_is_not_reportable():
    """As with an answer: the attribute is named."""
    with pytest.raises(ReportError, match="SeriesInstanceUID is missing"):
        refused(make_source(2), series_instance_uid="")


def test_the_reason_stands_first_and_where_a_viewer_shows_it():
    """The verdict, the comment of the group, and the description of the series."""
    document = refused(make_source(3)).dataset
    assert texts(document)[0] == (
        "Intracranial hemorrhage: NOT ANALYSED. Kernel H70h (bone_kernel); this result does not "
        "say whether there is any hemorrhage."
    )
    assert "Hemorrhage NOT ANALYSED: kernel H70h" in texts(document)
    assert document.SeriesDescription == "ICH AI SR, not analysed (research use only)"
    shown = [item for item in walk(document) if item.ValueType == "SCOORD"]
    assert len(shown) == 1


def bare(dataset: Dataset) -> None:
    """What is left of a header that cannot be parsed: what the ledger knows."""
    for tag in list(dataset.keys()):
        if dataset[tag].keyword not in ("SOPClassUID", "SOPInstanceUID"):
            del dataset[tag]


def test_a_series_with_hardly_a_header_has_a_report(need, tmp_path):
    """A job that failed: the objects could not be parsed. Valid, without patient and picture."""
    result = refused(make_source(3, change=bare))
    assert texts(result.dataset)[0].startswith("Intracranial hemorrhage: NOT ANALYSED.")
    assert result.dataset.PatientID == ""
    path = tmp_path / "sr.dcm"
    path.write_bytes(result.encode())
    assert dciodvfy(need("dciodvfy"), path) == []
    assert dcmtk(need("dsrdump"), path) == []


def test_one_good_header_says_whose_the_series_is():
    """The others are damaged, the first one too."""
    source = make_source(3)
    for dataset in source.datasets[:2]:
        bare(dataset)
    assert refused(source).dataset.PatientID == "4711"


def test_a_header_that_raises_is_left_out():
    """A damaged attribute, and an object that has no UID at all."""
    source = make_source(3)
    with_raw_values(source.datasets[0], {"SOPClassUID": ("FD", b"12345")})
    del source.datasets[1].SOPInstanceUID
    with_raw_values(source.datasets[2], {"PatientName": ("SQ", b"A12345")})
    document = refused(source).dataset
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == source.datasets[2].SOPInstanceUID


@pytest.mark.parametrize(
    ("refused_", "head", "other"),
    [("heads", True, False), ("all", True, True), ("none", False, False)],
)
def test_heads_alone_get_a_report_unless_others_are_wanted(refused_, head, other):
    """A topogram or a chest that came by routing needs none."""
    options = ReportOptions(refused=refused_)
    assert options.wants_refusal(about_a_head=True) is head
    assert options.wants_refusal(about_a_head=False) is other


def test_which_refusals_are_about_a_head():
    """All but those that say that the series shows none, or no acquisition."""
    others = {"not_ct", "derived_result", "not_head", "not_axial", "mixed_series", "localizer"}
    refusals = [kind for kind in Refusal.__subclasses__() if kind.__module__ == Refusal.__module__]
    assert {kind.reason for kind in refusals if not kind.about_a_head} == others
