"""One answer a study: the best reconstruction of an acquisition is read."""

from dataclasses import replace
from pathlib import Path

import pydicom

from ich_node.answer import Answer
from ich_node.config.settings import StudySettings
from ich_node.ledger import JobState
from tests.support.analysing import MINUTE, AnalysingNode
from tests.support.study_answers import (
    answers_of,
    documents_of,
    jobs_of,
    read_all,
    told,
    told_to,
)
from tests.support.study_series import reconstruction, without_middle


def activate(node: AnalysingNode, bundle: Path) -> None:
    """The next job is read with it."""
    node.clock.now += MINUTE
    node.ledger.activations.activate_bundle(
        path=str(bundle), sha256="", name="", who="", why="", now=node.clock.now
    )


def test_of_two_reconstructions_the_better_one_is_read(calm):
    """Thin and thick are complete: one answer, one message, and the other says which was read."""
    calm.receive(reconstruction(2, 4))
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    assert answers_of(calm) == {2: "set aside", 3: "absent"}
    thin, thick = jobs_of(calm).values()
    assert thin.detail == "series 3 (5 mm, H31S) of the same acquisition is read instead"
    assert (thin.in_favour_of, thin.attempts) == (thick.id, 0)
    (message,) = told(calm)
    assert (message.answer, message.series_number) == (Answer.ABSENT, 3)
    assert len(documents_of(calm)) == 1


def test_a_worse_one_that_comes_later_is_not_read(calm):
    """Nor told."""
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    calm.receive(reconstruction(2, 4))
    read_all(calm)
    assert answers_of(calm) == {3: "absent", 2: "set aside"}
    assert "was read instead" in jobs_of(calm)[2].detail
    assert len(told(calm)) == len(documents_of(calm)) == 1


def test_a_better_one_that_comes_later_and_agrees_says_nothing(calm):
    """It is read, no object is made, and `jobs show` says that it agrees."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "absent"}
    later = jobs_of(calm)[3]
    assert later.detail == "agrees with series 2 (10 mm, H31S), which was reported"
    assert calm.ledger.operator.results(later.id) == []
    assert len(told(calm)) == 1


def test_a_better_one_that_is_more_severe_replaces_the_answer(calm, untrained_bundle):
    """Objects and messages say what they replace."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    activate(calm, untrained_bundle)
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "present"}
    first, second = told(calm)
    assert (second.answer, second.replaces) == (Answer.PRESENT, first.uid)
    assert told_to(calm) == [{"ris"}, {"ris", "phone"}]
    earlier, later = (pydicom.dcmread(calm.spool.absolute(path)) for path in documents_of(calm))
    reference = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert reference.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == earlier.SOPInstanceUID
    assert jobs_of(calm)[3].detail == "replaces the answer 'absent' of series 2 (10 mm, H31S)"
    assert jobs_of(calm)[2].in_favour_of == jobs_of(calm)[3].id


def test_a_better_one_that_is_less_severe_changes_nothing(calm, calm_bundle, untrained_bundle):
    """What was told stands."""
    activate(calm, untrained_bundle)
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    activate(calm, calm_bundle)
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    assert answers_of(calm) == {2: "present", 3: "absent"}
    assert len(told(calm)) == 1
    words = "series 2 (10 mm, H31S) was reported as 'present', which stands"
    assert jobs_of(calm)[3].detail == words


def test_what_was_set_aside_is_read_when_the_better_one_is_undetermined(calm):
    """The 5 mm series has a hole, the thin one has none: its answer replaces the doubtful one."""
    calm.receive(reconstruction(2, 4))
    calm.receive(without_middle(reconstruction(3, 5)))
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "undetermined"}
    doubtful, certain = told(calm)
    assert (doubtful.answer, certain.answer) == (Answer.UNDETERMINED, Answer.ABSENT)
    assert certain.replaces == doubtful.uid
    assert "Instance Numbers" in (jobs_of(calm)[3].detail or "")


def test_what_was_set_aside_is_read_when_the_better_one_is_refused(calm):
    """Five times the same slice under new names is no head in 5 mm; the thin one answers."""
    unreadable = reconstruction(3, 5)
    for dataset in unreadable:
        dataset.PixelData = dataset.PixelData[:100]
    calm.receive(reconstruction(2, 4))
    calm.receive(unreadable)
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "not analysed"}
    assert jobs_of(calm)[3].state is JobState.REFUSED
    assert [event.event for event in calm.ledger.operator.events(1)] == [
        "received", "claimed", "set aside", "waits again", "claimed", "done",
    ]  # fmt: skip
    calm.make_teller().tell_refused(calm.clock.now)
    (message,) = told(calm)
    assert message.answer is Answer.ABSENT, "the refusal says nothing beside it"


def test_what_was_set_aside_is_read_when_the_better_one_is_cancelled(calm):
    """By an operator."""
    calm.receive(reconstruction(2, 4))
    calm.receive(reconstruction(3, 5))
    assert calm.read_next()
    calm.ledger.operator.cancel(jobs_of(calm)[3].id, now=calm.clock.now)
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "cancelled"}


def test_another_acquisition_is_read_by_itself(calm, calm_bundle, untrained_bundle):
    """The message about each speaks of the study: of its most severe answer."""
    activate(calm, untrained_bundle)
    calm.receive(reconstruction(2, 5))
    read_all(calm)
    activate(calm, calm_bundle)
    calm.receive(reconstruction(3, 5, at="113000"))
    read_all(calm)
    assert answers_of(calm) == {2: "present", 3: "absent"}
    first, second = told(calm)
    assert (second.answer, second.series_answer) == (Answer.PRESENT, Answer.ABSENT)
    assert (second.answer_series, second.replaces) == (first.series_instance_uid, first.uid)
    assert told_to(calm) == [{"ris", "phone"}, {"ris", "phone"}]
    document = pydicom.dcmread(calm.spool.absolute(documents_of(calm)[1]))
    assert "PredecessorDocumentsSequence" not in document


def test_all_reconstructions_are_read_where_that_is_wanted(calm):
    """[study] reconstructions = "all"."""
    calm.analyser = replace(calm.analyser, study=StudySettings(reconstructions="all"))
    calm.receive(reconstruction(2, 4))
    calm.receive(reconstruction(3, 5))
    read_all(calm)
    assert answers_of(calm) == {2: "absent", 3: "absent"}
    assert len(told(calm)) == len(documents_of(calm)) == 2


def test_a_late_slice_of_the_series_that_was_read_is_told(calm):
    """A revision replaces the one before, as ever."""
    *most, last = reconstruction(3, 5)
    calm.receive(most)
    read_all(calm)
    calm.receive([last])
    read_all(calm)
    first, second = told(calm)
    assert (second.revision, second.replaces) == (2, first.uid)


def test_an_earlier_revision_that_waited_is_set_aside_for_the_later_one(calm):
    """It could not be loaded at first; its objects are among those of revision 2."""
    *most, last = reconstruction(3, 5)
    calm.receive(most)
    path = calm.spool.absolute(calm.ledger.operator.instances(calm.job)[3].path)
    data = path.read_bytes()
    path.unlink()
    assert calm.read_next()
    path.write_bytes(data)
    calm.receive([last])
    read_all(calm)
    calm.clock.now += MINUTE
    read_all(calm)
    later, earlier = calm.ledger.operator.list()
    assert (later.answer, earlier.state) == (Answer.ABSENT, JobState.SET_ASIDE)
    assert earlier.detail == "revision 2 of this series was read"


def test_a_broken_transfer_leaves_a_calm_answer_undetermined(calm):
    """What did not arrive is not known to be calm; the words say so."""
    calm.receive(reconstruction(3, 5))
    uid = calm.job.series_instance_uid
    calm.ledger.receiving.set_ready([uid], ready_at=calm.clock.now, aborted=True)
    read_all(calm)
    assert answers_of(calm) == {3: "undetermined"}
    assert "broke the association off" in (calm.job.detail or "")
    calm.ledger.receiving.transfer_completed(uid, now=calm.clock.now)
    read_all(calm)
    assert (calm.job.revision, calm.job.answer) == (2, Answer.ABSENT)
    doubtful, certain = told(calm)
    assert certain.replaces == doubtful.uid
