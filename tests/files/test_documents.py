"""The documents about a series that changed, and about one that is refused."""

from collections.abc import Iterator
from typing import Literal

import pydicom
import pytest
from pydicom import Dataset

from ich_node.ledger import JobState
from tests.support.analysing import AnalysingNode
from tests.support.heads import head_series
from tests.support.node import open_node

Refused = Literal["heads", "all", "none"]


@pytest.fixture
def node(tmp_path, untrained_bundle) -> Iterator[AnalysingNode]:
    with open_node(tmp_path, AnalysingNode, bundle=untrained_bundle) as opened:
        yield opened


def reports(node: AnalysingNode) -> list[Dataset]:
    """The SRs of all jobs, the earliest revision first."""
    return [
        pydicom.dcmread(node.spool.absolute(result.path))
        for job in reversed(node.ledger.operator.list())
        for result in node.ledger.operator.results(job.id)
        if result.kind == "sr"
    ]


def predecessors(document: Dataset) -> list[str]:
    return [
        reference.ReferencedSOPInstanceUID
        for study in document.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]


def texts(document: Dataset) -> list[str]:
    return [item.TextValue for item in document.ContentSequence[-1].ContentSequence]


def read_and_tell(node: AnalysingNode, refused: Refused = "heads") -> None:
    """The newest job, by the analyser and the sender."""
    node.read_next()
    node.make_teller(refused).tell_refused(node.clock.now)


def test_late_slices_give_a_report_that_names_the_one_before(node):
    """Revision 2 replaces revision 1, and revision 3 revision 2."""
    slices = head_series(14)
    for count in (12, 13, 14):
        node.receive(slices[count - 1 : count] if count > 12 else slices[:12])
        assert node.read_next()
    first, second, third = reports(node)
    assert predecessors(first) == []
    assert predecessors(second) == [first.SOPInstanceUID]
    assert predecessors(third) == [second.SOPInstanceUID]
    named = third.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.SeriesInstanceUID == second.SeriesInstanceUID != third.SeriesInstanceUID


def test_a_predecessor_whose_file_is_missing_does_not_stop_the_report(node):
    """Somebody deleted it from the spool: the report does not refer to it."""
    slices = head_series(13)
    node.receive(slices[:12])
    node.read_next()
    for result in node.ledger.operator.results(node.job.id):
        node.spool.absolute(result.path).unlink()
    node.receive(slices[12:])
    assert node.read_next()
    assert node.job.state is JobState.DONE
    (sr,) = [result for result in node.ledger.operator.results(node.job.id) if result.kind == "sr"]
    assert predecessors(pydicom.dcmread(node.spool.absolute(sr.path))) == []


def test_a_refused_series_gets_a_document_only_if_it_is_wanted(node):
    """With [report] refused = "none" the refusal stays in the ledger; else each destination gets a
    document.
    """
    node.receive(head_series(ConvolutionKernel="H70h"))
    read_and_tell(node, "none")
    assert node.job.state is JobState.REFUSED
    assert node.ledger.operator.results(node.job.id) == []
    node.receive(head_series(ConvolutionKernel="H70h", StudyInstanceUID="1.2"))
    read_and_tell(node)
    (document,) = reports(node)
    assert any(text.startswith("Reason (bone_kernel):") for text in texts(document))
    assert sorted(
        delivery.destination for delivery in node.ledger.operator.deliveries(node.job.id)
    ) == [
        "archive",
        "pacs",
    ]


def test_a_refusal_that_is_retried_is_reported_once(node):
    """The same document again makes no second result and no second delivery."""
    node.receive(head_series(ConvolutionKernel="H70h"))
    read_and_tell(node)
    node.ledger.operator.retry(node.job.id, now=node.clock.now)
    read_and_tell(node)
    assert node.job.state is JobState.REFUSED
    assert len(node.ledger.operator.results(node.job.id)) == 1


def test_an_answer_after_a_refusal_replaces_it(node):
    """Too few slices at first, the rest late: the answer refers to the refusal's document."""
    slices = head_series(12)
    node.receive(slices[:5])
    read_and_tell(node)
    node.receive(slices[5:])
    read_and_tell(node)
    refusal, answer = reports(node)
    assert any(text.startswith("Reason (too_few_slices):") for text in texts(refusal))
    assert predecessors(answer) == [refusal.SOPInstanceUID]
