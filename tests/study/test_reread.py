"""A series that is read again by another bundle and told: the new answer replaces the first."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest

from ich_node.answer import Answer
from ich_node.config.settings import AnalysisSettings
from ich_node.ledger import Job, JobState, NewReader, Wanted
from ich_node.model.bundle_file import read_header
from tests.study.test_choice import activate
from tests.support.analysing import MINUTE, AnalysingNode
from tests.support.study_answers import documents_of, jobs_of, read_all, told, told_to
from tests.support.study_series import reconstruction
from tests.support.untrained_bundle import write_untrained_bundle


def reread(node: AnalysingNode, bundle: Path) -> Job:
    """All that is told; the new revision, read."""
    reader = NewReader(name="new", sha256=read_header(bundle).sha256, path=str(bundle))
    wanted = Wanted(since=node.clock.now - timedelta(days=1))
    plan = node.ledger.rereading.plan(wanted, sha256=reader.sha256, deliver=True)
    assert node.ledger.rereading.ask(
        plan, reader, deliver=True, who="jo", now=node.clock.now
    ) == len(plan.job_ids)
    return read_again(node)


def read_again(node: AnalysingNode) -> Job:
    node.clock.now += MINUTE
    # OpenVINO takes as long to load a model as this one takes to read ten series
    node.analyser = replace(node.analyser, settings=AnalysisSettings(engine="torch"))
    while node.analyser.do_next(node.analyser.detectors.active()):
        pass
    return node.job


def test_a_negative_answer_replaces_a_positive_one(calm, calm_bundle, untrained_bundle):
    """Also with those who want positive results only; SR and message name what they replace. The
    other reconstruction of the acquisition stays set aside.
    """
    activate(calm, untrained_bundle)
    calm.receive(reconstruction(3, 10))
    read_all(calm)
    calm.receive(reconstruction(2, 11))
    read_all(calm)
    again = reread(calm, calm_bundle)
    assert jobs_of(calm)[2].state is JobState.SET_ASIDE
    first = calm.ledger.operator.get(1)
    assert (first.answer, first.in_favour_of) == (Answer.PRESENT, again.id)
    assert (again.answer, again.revision, again.in_favour_of) == (Answer.ABSENT, 2, None)
    assert again.bundle_sha256 == read_header(calm_bundle).sha256
    before, after = told(calm)
    assert (after.answer, after.revision, after.replaces) == (Answer.ABSENT, 2, before.uid)
    assert told_to(calm) == [{"ris", "phone"}, {"ris", "phone"}]
    earlier, later = (pydicom.dcmread(calm.spool.absolute(path)) for path in documents_of(calm))
    reference = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert reference.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == earlier.SOPInstanceUID
    assert earlier.SOPInstanceUID != later.SOPInstanceUID


def test_an_equal_answer_is_told_too(calm, calm_bundle, tmp_path):
    """It is of another model; the active one goes on reading all others."""
    calm.receive(reconstruction(3, 10))
    read_all(calm)
    other = tmp_path / "other.safetensors"
    write_untrained_bundle(other, threshold=0.998)
    again = reread(calm, other)
    assert (again.answer, again.bundle_sha256) == (Answer.ABSENT, read_header(other).sha256)
    before, after = told(calm)
    assert after.replaces == before.uid
    calm.receive(reconstruction(4, 10, at="113000"))
    assert read_again(calm).bundle_sha256 == read_header(calm_bundle).sha256


@pytest.mark.parametrize("why", ["no bundle", "refused"])
def test_without_a_new_answer_nothing_is_told(calm, calm_bundle, tmp_path, why):
    """The file of the bundle is missing: an error of this job with a name, not a crash. Or the
    series is refused today.
    """
    calm.receive(reconstruction(3, 10))
    read_all(calm)
    bundle = tmp_path / "other.safetensors"
    bundle.write_bytes(calm_bundle.read_bytes())
    if why == "refused":
        for instance in calm.ledger.operator.instances(calm.job)[3:]:
            calm.spool.absolute(instance.path).write_bytes(
                calm.spool.absolute(calm.ledger.operator.instances(calm.job)[0].path).read_bytes()
            )
    plan = calm.ledger.rereading.plan(Wanted(job_ids=[1]), sha256="0" * 64, deliver=True)
    reader = NewReader(name="new", sha256="0" * 64, path=str(bundle))
    calm.ledger.rereading.ask(plan, reader, deliver=True, who="jo", now=calm.clock.now)
    if why == "no bundle":
        bundle.unlink()
    again = read_again(calm)
    assert (again.revision, again.answer) == (2, None)
    if why == "no bundle":
        assert (again.state, again.reason) == (JobState.FAILED, "bundle")
        assert "cannot read the bundle" in again.detail
    else:
        assert again.state is JobState.REFUSED
    assert calm.make_teller().tell_refused(calm.clock.now + timedelta(days=1)) == 0
    assert calm.make_teller().tell_overdue(calm.clock.now + timedelta(days=1)) == 0
    (message,) = told(calm)
    assert message.answer is Answer.ABSENT
    calm.receive(reconstruction(4, 10, at="113000"))
    assert read_again(calm).answer is Answer.ABSENT
    assert told(calm)[1].answer is Answer.ABSENT, "the study has no series without an answer"


def test_a_slice_that_comes_meanwhile_is_read_at_once(calm, calm_bundle, untrained_bundle):
    """By the active bundle, in a revision of its own; the one that waited is not needed then."""
    *most, last = reconstruction(3, 10)
    calm.receive(most)
    read_all(calm)
    reader = NewReader(name="new", sha256="0" * 64, path=str(untrained_bundle))
    plan = calm.ledger.rereading.plan(Wanted(job_ids=[1]), sha256="0" * 64, deliver=True)
    calm.ledger.rereading.ask(plan, reader, deliver=True, who="jo", now=calm.clock.now)
    calm.receive([last])
    assert calm.read_next()
    assert (calm.job.revision, calm.job.answer) == (3, Answer.ABSENT)
    read_again(calm)
    waited = calm.ledger.operator.get(2)
    assert (waited.state, waited.in_favour_of) == (JobState.SET_ASIDE, calm.job.id)
