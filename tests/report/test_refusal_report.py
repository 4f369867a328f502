"""A series that could not be read has a report, too: undetermined, and why."""

import pytest

from ich_node.errors import ReportError
from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    refused,
    sr_of,
)
from tests.support.report.sr_tree import faults, groups, items, texts, trackings


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


def test_a_refused_series_with_illegal_uids_is_not_reportable():
    """As with an answer: the attribute is named."""
    with pytest.raises(ReportError, match="SeriesInstanceUID 'ID_1'"):
        refused(make_source(2), series_instance_uid="ID_1")
