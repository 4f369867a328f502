"""The documents about a series that changed, and about one that is refused."""

from dataclasses import replace

import pydicom
import pytest
from pydicom import Dataset

from ich_node.ledger import JobState
from tests.support.analysis import Bench
from tests.support.heads import head_series


@pytest.fixture
def bench(tmp_path, untrained_bundle) -> Bench:
    return Bench(tmp_path, untrained_bundle)


def reports(bench: Bench) -> list[Dataset]:
    """The SRs of all jobs, the earliest revision first."""
    return [
        pydicom.dcmread(bench.spool.absolute(result.path))
        for job in reversed(bench.ledger.operator.list())
        for result in bench.ledger.operator.results(job.id)
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


def write_refusals(bench: Bench) -> None:
    bench.analyser = replace(bench.analyser, options=replace(bench.analyser.options, refused=True))


def test_late_slices_give_a_report_that_names_the_one_before(bench):
    """Revision 2 replaces revision 1, and revision 3 revision 2."""
    slices = head_series(14)
    for count in (12, 13, 14):
        bench.receive(slices[count - 1 : count] if count > 12 else slices[:12])
        assert bench.read_next()
    first, second, third = reports(bench)
    assert predecessors(first) == []
    assert predecessors(second) == [first.SOPInstanceUID]
    assert predecessors(third) == [second.SOPInstanceUID]
    named = third.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.SeriesInstanceUID == second.SeriesInstanceUID != third.SeriesInstanceUID


def test_a_predecessor_whose_file_is_missing_does_not_stop_the_report(bench):
    """Somebody deleted it from the spool: the report does not refer to it."""
    slices = head_series(13)
    bench.receive(slices[:12])
    bench.read_next()
    for result in bench.ledger.operator.results(bench.job.id):
        bench.spool.absolute(result.path).unlink()
    bench.receive(slices[12:])
    assert bench.read_next()
    assert bench.job.state is JobState.DONE
    (sr,) = [
        result for result in bench.ledger.operator.results(bench.job.id) if result.kind == "sr"
    ]
    assert predecessors(pydicom.dcmread(bench.spool.absolute(sr.path))) == []


def test_a_refused_series_gets_a_document_only_if_it_is_wanted(bench):
    """By default the refusal stays in the ledger; with [report] refused = true each destination
    gets a document.
    """
    bench.receive(head_series(ConvolutionKernel="H70h"))
    bench.read_next()
    assert bench.job.state is JobState.REFUSED
    assert bench.ledger.operator.results(bench.job.id) == []
    bench.ledger.operator.retry(bench.job.id, now=bench.now)
    write_refusals(bench)
    bench.read_next()
    (document,) = reports(bench)
    assert any(text.startswith("Reason (bone_kernel):") for text in texts(document))
    assert sorted(
        delivery.destination for delivery in bench.ledger.operator.deliveries(bench.job.id)
    ) == [
        "archive",
        "pacs",
    ]


def test_a_refusal_that_is_retried_is_reported_once(bench):
    """The same document again makes no second result and no second delivery."""
    write_refusals(bench)
    bench.receive(head_series(ConvolutionKernel="H70h"))
    bench.read_next()
    bench.ledger.operator.retry(bench.job.id, now=bench.now)
    bench.read_next()
    assert bench.job.state is JobState.REFUSED
    assert len(bench.ledger.operator.results(bench.job.id)) == 1


def test_an_answer_after_a_refusal_replaces_it(bench):
    """Too few slices at first, the rest late: the answer refers to the refusal's document."""
    write_refusals(bench)
    slices = head_series(12)
    bench.receive(slices[:5])
    bench.read_next()
    bench.receive(slices[5:])
    bench.read_next()
    refusal, answer = reports(bench)
    assert any(text.startswith("Reason (too_few_slices):") for text in texts(refusal))
    assert predecessors(answer) == [refusal.SOPInstanceUID]
