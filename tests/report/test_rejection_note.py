"""The rejection note of withdrawn results."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ich_node.answer import WithdrawalReason
from ich_node.report import ResultObject, WithdrawnResults, write_rejection_note
from tests.support.report.report_examples import (
    ALGORITHM,
    AT,
    make_source,
    positive_reading,
    report,
)
from tests.support.report.sr_tree import items
from tests.support.report.validators import dcentvfy, dciodvfy, dcmtk


@pytest.fixture(scope="module")
def results() -> list[ResultObject]:
    source = make_source(rows=128, columns=128)
    return report(source, positive_reading(source))


def note_of(
    results: list[ResultObject],
    reason: WithdrawalReason = WithdrawalReason.WRONG_PATIENT,
    at=AT + timedelta(hours=1),
) -> ResultObject:
    withdrawn = WithdrawnResults(
        headers=[result.dataset for result in results], description="HEAD 5mm", revision=1
    )
    algorithm = replace(ALGORITHM, name="ich-node")
    return write_rejection_note(withdrawn, reason, algorithm=algorithm, ae_title="ICHNODE", at=at)


def test_it_names_every_result(results):
    """In its tree and as evidence, by series; images as images, documents as composites."""
    note = note_of(results).dataset
    named = [
        (item.ValueType, item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for item in items(note)
        if item.ValueType in ("IMAGE", "COMPOSITE")
    ]
    assert [uid for _, uid in named] == [result.sop_instance_uid for result in results]
    assert {kind for kind, uid in named if uid == results[0].sop_instance_uid} == {"COMPOSITE"}
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    evidence = {
        (series.SeriesInstanceUID, item.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert evidence == {
        (result.dataset.SeriesInstanceUID, result.sop_instance_uid) for result in results
    }
    assert note.SeriesDescription == "ICH AI withdrawal, HEAD 5mm (research use only)"
    assert note.SeriesInstanceUID not in {uid for uid, _ in evidence}
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber"):
        assert note[keyword].value == results[0].dataset[keyword].value


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        (WithdrawalReason.WRONG_PATIENT, "113038"),
        (WithdrawalReason.QUALITY, "113001"),
        (WithdrawalReason.SAFETY, "113037"),
    ],
)
def test_its_title_is_the_reason(results, reason, title):
    """A description says the same, and that it is for research."""
    note = note_of(results, reason).dataset
    assert note.ConceptNameCodeSequence[0].CodeValue == title
    assert [item.TextValue for item in items(note) if item.ValueType == "TEXT"][-1] == (
        f"The answer of ich-node was withdrawn. {reason.sentence} Objects that must no longer be"
        f" used: {len(results)}. Research use only. Not a medical device."
    )


def test_the_same_withdrawal_has_the_same_bytes(results):
    """Another time is another object."""
    assert note_of(results).encode() == note_of(results).encode()
    other = note_of(results, at=AT + timedelta(hours=2))
    assert other.sop_instance_uid != note_of(results).sop_instance_uid


def test_validators_accept_it(results, need, tmp_path):
    """Alone, and beside the results that it is about."""
    paths = []
    for index, result in enumerate([note_of(results), *results]):
        paths.append(tmp_path / f"{index}.dcm")
        paths[-1].write_bytes(result.encode())
    assert dciodvfy(need("dciodvfy"), paths[0]) == []
    assert dcmtk(need("dsrdump"), paths[0]) == []
    assert dcentvfy(need("dcentvfy"), paths) == []
