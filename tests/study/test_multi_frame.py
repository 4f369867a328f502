"""Multi-frame series among the others of a study: what they are is in their frames."""

from dataclasses import replace

from pydicom import Dataset

from ich_node.answer import Answer
from ich_node.study.facts import SeriesFacts
from ich_node.study.headers import JobHeaders
from tests.support.analysing import MINUTE, AnalysingNode
from tests.support.enhanced import to_enhanced
from tests.support.heads import ROOT
from tests.support.study_answers import answers_of, jobs_of, read_all, told
from tests.support.study_series import reconstruction


def multi_frame(number: int, thickness_mm: float) -> Dataset:
    """The reconstruction as one object, the last slice first."""
    classic = reconstruction(number, thickness_mm)
    ds = to_enhanced(classic, order=range(len(classic) - 1, -1, -1))
    ds.SeriesInstanceUID = f"{ROOT}2.{number}"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}2.{number}.1"
    return ds


def facts(node: AnalysingNode, number: int) -> SeriesFacts | None:
    headers = JobHeaders(spool=node.spool, instances=node.ledger.reading.instances)
    return headers.facts(jobs_of(node)[number])


def test_what_the_frames_say_is_what_the_slices_say(calm: AnalysingNode) -> None:
    calm.receive([multi_frame(3, 5)])
    calm.receive(reconstruction(4, 5, AcquisitionNumber=1))
    of_frames, of_slices = facts(calm, 3), facts(calm, 4)
    assert of_frames is not None
    assert of_slices is not None
    assert of_frames.name == "series 3 (5 mm, H31S BRAIN)"
    assert replace(of_frames, number=4, kernel="H31S") == of_slices


def test_one_answer_of_a_multi_frame_and_a_classic_reconstruction(calm: AnalysingNode) -> None:
    """A PACS may send the scanner's series and the one that it converted."""
    calm.receive([multi_frame(3, 5)])
    calm.receive(reconstruction(2, 4))
    read_all(calm)
    assert answers_of(calm) == {2: "set aside", 3: "absent"}
    assert len(told(calm)) == 1


def test_a_multi_frame_head_that_nobody_reads_is_overdue(calm: AnalysingNode) -> None:
    calm.receive([multi_frame(3, 5)])
    calm.clock.now += 60 * MINUTE
    assert calm.make_teller().tell_overdue(calm.clock.now) == 1
    (late,) = told(calm)
    assert late.answer is Answer.NOT_ANALYSED
