"""Nobody waits in silence: a study without an answer is told as such, once; a late one, too."""

import struct
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pydicom
import pytest

from ich_node.answer import Answer
from ich_node.config.settings import StudySettings
from ich_node.ledger import JobState
from tests.support.analysing import MINUTE, AnalysingNode
from tests.support.heads import head_series
from tests.support.study_answers import (
    answers_of,
    documents_of,
    jobs_of,
    read_all,
    told,
    told_to,
)
from tests.support.study_series import chest, reconstruction

HOUR = timedelta(hours=1)
EVERYBODY = {"ris", "phone"}


def bone(number: int, **attributes):
    return reconstruction(number, 10, ConvolutionKernel="H70h", **attributes)


def tell(node: AnalysingNode, refused: str = "heads") -> int:
    """What is due now."""
    return node.make_teller(refused).tell_refused(node.clock.now)


def crash_with(node: AnalysingNode) -> None:
    """Nobody ends the attempts on the newest job: the analyser hung or was killed each time."""
    for _ in range(3):
        node.ledger.reading.claim(owner="crashed", now=node.clock.now, lease=MINUTE, max_attempts=2)
        node.clock.now += MINUTE


def test_a_refused_head_is_told_to_everybody_who_waits(calm):
    """Also to who wants positive results only: it waits for an answer, and none will come. Each
    archive gets an SR.
    """
    calm.receive(bone(2))
    read_all(calm)
    assert (calm.job.answer, told(calm)) == (Answer.NOT_ANALYSED, [])
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.refused is not None
    assert (message.answer, message.refused.reason) == (Answer.NOT_ANALYSED, "bone_kernel")
    assert (message.at, message.identifiers.patient_id) == (calm.job.content_at, "P1")
    assert told_to(calm) == [EVERYBODY]
    (document,) = documents_of(calm)
    report = pydicom.dcmread(calm.spool.absolute(document))
    assert "Reason (bone_kernel)" in report.to_json()
    assert message.report_uid == report.SOPInstanceUID
    assert tell(calm) == 0, "once"


@pytest.mark.parametrize(
    ("refused", "of_head", "of_other"),
    [("heads", 1, 0), ("all", 1, 1), ("none", 0, 0)],
)
def test_which_refusals_get_an_sr(calm, refused, of_head, of_other):
    """[report] refused."""
    calm.receive(bone(2))
    calm.receive(chest(3, StudyInstanceUID="1.2.3"))
    read_all(calm)
    assert tell(calm, refused) == 2
    kinds = {
        number: [result.kind for result in calm.ledger.operator.results(job.id)]
        for number, job in jobs_of(calm).items()
    }
    assert kinds == {
        2: ["sr"] * of_head + ["notification"],
        3: ["sr"] * of_other + ["notification"],
    }


def test_a_chest_is_told_only_to_who_wants_everything(calm):
    """Nobody waits for the head in it."""
    calm.receive(chest(3))
    read_all(calm)
    tell(calm)
    assert told_to(calm) == [{"ris"}]


def test_three_series_of_one_study_are_one_message(calm):
    """It speaks of the series that looks most like a head."""
    calm.receive(bone(2))
    calm.receive(chest(3, 5))
    calm.receive(reconstruction(4, 10)[:3])
    read_all(calm)
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.series_number == 2
    assert len(documents_of(calm)) == 1


def test_a_refusal_waits_while_a_series_of_its_study_is_pending(calm):
    """Its answer may follow."""
    calm.receive(bone(2))
    calm.receive(reconstruction(3, 10), ready_in=HOUR)
    read_all(calm)
    assert tell(calm) == 0
    calm.clock.now += HOUR
    read_all(calm)
    tell(calm)
    assert answers_of(calm) == {2: "not analysed", 3: "absent"}
    (message,) = told(calm)
    assert message.answer is Answer.ABSENT
    assert calm.ledger.operator.events(1)[-1].detail == "the study has an answer"


def test_a_refusal_does_not_wait_for_ever_and_a_later_answer_replaces_it(calm):
    """[study] refusal_wait_seconds. SR and message of the answer say what they replace, to
    everybody who got the refusal.
    """
    calm.receive(bone(2))
    calm.receive(reconstruction(3, 10), ready_in=HOUR)
    read_all(calm)
    calm.clock.now += timedelta(seconds=StudySettings().refusal_wait_seconds)
    assert tell(calm) == 1
    calm.clock.now += HOUR
    read_all(calm)
    refusal, answer = told(calm)
    assert (answer.answer, answer.replaces) == (Answer.ABSENT, refusal.uid)
    assert told_to(calm) == [EVERYBODY, EVERYBODY]
    earlier, later = (pydicom.dcmread(calm.spool.absolute(path)) for path in documents_of(calm))
    assert earlier.SOPInstanceUID in str(later.PredecessorDocumentsSequence)


def test_a_second_refusal_of_a_study_says_nothing_new(calm):
    """Unless the first was about no head, and this one is."""
    calm.receive(chest(2))
    read_all(calm)
    tell(calm)
    for number in (3, 4):
        calm.clock.now += HOUR
        calm.receive(bone(number))
        read_all(calm)
        tell(calm)
    assert [message.series_number for message in told(calm)] == [2, 3]
    assert told_to(calm) == [{"ris"}, EVERYBODY]


@pytest.mark.parametrize(
    "beside",
    [
        bone(3),
        reconstruction(3, 10, ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 0.0, -1.0]),
        chest(3, at="113000"),
        reconstruction(3, 10)[:2],
    ],
    ids=["bone", "coronal", "chest", "localizer"],
)
def test_what_a_study_of_a_head_has_beside_its_answer_says_nothing(calm, beside):
    """Bone, reformats, other parts, localizers."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    calm.receive(beside)
    read_all(calm)
    assert jobs_of(calm)[3].state in (JobState.REFUSED, JobState.SET_ASIDE)
    assert tell(calm) == 0
    assert len(told(calm)) == len(documents_of(calm)) == 1


def test_another_head_of_an_answered_study_that_crashes_is_told(calm):
    """Another acquisition: the answer says nothing about it."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    calm.receive(reconstruction(3, 10, at="113000"))
    crash_with(calm)
    assert tell(calm) == 1
    answer, crash = told(calm)
    assert (crash.answer, crash.replaces) == (Answer.NOT_ANALYSED, answer.uid)
    assert crash.series_number == 3
    assert told_to(calm) == [{"ris"}, EVERYBODY]


def test_an_answer_beside_a_head_that_crashed_is_not_calm_about_the_study(calm):
    """Whichever came first: the study is as it was told, and its last series has its own answer."""
    calm.receive(reconstruction(3, 10, at="113000"))
    crash_with(calm)
    tell(calm)
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    crash, answer = told(calm)
    assert (answer.series_answer, answer.answer) == (Answer.ABSENT, Answer.NOT_ANALYSED)
    assert answer.answer_series == crash.series_instance_uid
    calm.receive(reconstruction(4, 5, at="113000"))
    read_all(calm)
    *_, last = told(calm)
    assert (last.series_answer, last.answer) == (Answer.ABSENT, Answer.ABSENT)


def test_another_reconstruction_that_crashes_is_not_told(calm):
    """Its acquisition has an answer."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    calm.receive(reconstruction(3, 5))
    crash_with(calm)
    assert (calm.job.state, calm.job.reason) == (JobState.FAILED, "crashed")
    assert tell(calm) == 0


def test_a_crash_is_told(calm):
    """Without a word about the machine."""
    calm.receive(reconstruction(2, 10))
    crash_with(calm)
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.refused is not None
    assert (message.refused.reason, message.answer) == ("crashed", Answer.NOT_ANALYSED)
    assert told_to(calm) == [EVERYBODY]


def test_a_late_slice_after_which_a_series_cannot_be_read_is_told(calm):
    """The answer was about less of the series: it stands no longer."""
    calm.receive(reconstruction(2, 10))
    read_all(calm)
    calm.clock.now += HOUR
    calm.receive(reconstruction(2, 2)[1:3])
    crash_with(calm)
    assert (calm.job.revision, tell(calm)) == (2, 1)
    answer, crash = told(calm)
    assert (crash.answer, crash.replaces) == (Answer.NOT_ANALYSED, answer.uid)
    assert calm.ledger.operator.get(1).in_favour_of == calm.job.id


def test_a_series_that_cannot_be_reported_is_told(calm):
    """Its results could not be written: there is a message all the same."""
    calm.receive(reconstruction(2, 10))
    held = {"owner": "one", "now": calm.clock.now, "lease": HOUR, "max_attempts": 1}
    job = calm.ledger.reading.claim(**held)
    calm.ledger.reading.fail(
        job, now=calm.clock.now, reason="not_reportable", detail="why", retry_at=None
    )
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.refused is not None
    assert (message.answer, message.refused.reason) == (Answer.NOT_ANALYSED, "not_reportable")
    assert "why" not in message.refused.detail


def test_headers_that_end_in_damage_say_whose_they_are(calm):
    """A sequence without an end before the pixels: undecodable, with patient and order."""
    for dataset in reconstruction(2, 10):
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        data = buffer.getvalue()
        pixels = data.rindex(b"\xe0\x7f\x10\x00OW")
        endless = struct.pack("<HH2sHL", 0x0029, 0x1001, b"SQ", 0, 0xFFFFFFFF)
        item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        calm.receive_bytes(dataset, data[:pixels] + endless + item + data[pixels:])
    read_all(calm)
    assert (calm.job.state, calm.job.reason) == (JobState.REFUSED, "undecodable")
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.identifiers.patient_id == "P1"
    assert told_to(calm) == [EVERYBODY]
    assert len(documents_of(calm)) == 1


def test_headers_that_cannot_be_read_give_a_message_without_identifiers(calm):
    """And it says so."""
    for dataset in head_series():
        calm.receive_bytes(dataset, b"not a DICOM file")
    read_all(calm)
    assert calm.job.answer is Answer.NOT_ANALYSED
    assert tell(calm) == 1
    (message,) = told(calm)
    assert message.identifiers.patient_id == ""
    assert message.refused is not None
    assert message.refused.detail.endswith("patient and order are not known.")
    assert told_to(calm) == [EVERYBODY]


def test_a_retry_that_ends_the_same_way_says_nothing_new(calm):
    """By an operator."""
    calm.receive(bone(2))
    read_all(calm)
    tell(calm)
    calm.ledger.operator.retry(calm.job.id, now=calm.clock.now)
    read_all(calm)
    assert tell(calm) == 0
    assert len(told(calm)) == 1


def test_a_crash_of_the_teller_makes_the_same_results_again(calm, monkeypatch):
    """The ledger did not get to know: the next run writes the same bytes."""
    calm.receive(bone(2))
    read_all(calm)
    lost = []
    teller = calm.make_teller()
    with monkeypatch.context() as killed:
        killed.setattr(teller.ledger, "told", lambda *_, results, **__: bool(lost.extend(results)))
        teller.tell_refused(calm.clock.now)
    calm.clock.now += HOUR
    tell(calm)
    assert calm.ledger.operator.results(calm.job.id) == lost != []


def test_what_changes_at_the_same_moment_is_seen(calm):
    """The study got an answer after the teller had looked: it looks again."""
    calm.receive(bone(2))
    read_all(calm)
    seen = calm.ledger.telling.study(calm.job.study_instance_uid)
    job = calm.job
    calm.receive(reconstruction(3, 10))
    read_all(calm)
    assert not calm.ledger.telling.told([job], seen=seen, now=calm.clock.now, by=job)
    assert tell(calm) == 0
    assert [message.answer for message in told(calm)] == [Answer.ABSENT]


# --- late answers


def overdue(node: AnalysingNode) -> int:
    return node.make_teller().tell_overdue(node.clock.now)


def test_a_head_that_nobody_reads_is_told_as_overdue_and_the_answer_follows(calm):
    """Once, by the process that sends: no reader is needed."""
    calm.receive(reconstruction(2, 10))
    calm.clock.now += 29 * MINUTE
    assert overdue(calm) == 0
    calm.clock.now += MINUTE
    assert overdue(calm) == 1
    assert overdue(calm) == 0
    (late,) = told(calm)
    assert late.refused is not None
    assert (late.refused.reason, late.answer) == ("overdue", Answer.NOT_ANALYSED)
    assert calm.job.state is JobState.WAITING
    calm.clock.now += HOUR
    read_all(calm)
    late, answer = told(calm)
    assert (answer.answer, answer.replaces) == (Answer.ABSENT, late.uid)
    assert told_to(calm) == [EVERYBODY, EVERYBODY]
    earlier, later = (pydicom.dcmread(calm.spool.absolute(path)) for path in documents_of(calm))
    assert earlier.SOPInstanceUID in str(later.PredecessorDocumentsSequence)


def test_a_head_whose_reader_hangs_is_told_as_overdue(calm):
    """And when it fails, that is told, too."""
    calm.receive(reconstruction(2, 10))
    calm.ledger.reading.claim(owner="hangs", now=calm.clock.now, lease=HOUR, max_attempts=1)
    calm.clock.now += HOUR
    assert overdue(calm) == 1
    crash_with(calm)
    assert tell(calm) == 1
    assert [message.refused.reason for message in told(calm) if message.refused] == [
        "overdue",
        "crashed",
    ]


@pytest.mark.parametrize(
    "datasets",
    [
        reconstruction(2, 10)[:5],
        bone(2),
        chest(2),
    ],
    ids=["few", "bone", "chest"],
)
def test_what_is_no_head_is_not_overdue(calm, datasets):
    """Nobody waits for it."""
    calm.receive(datasets)
    calm.clock.now += HOUR
    assert (overdue(calm), told(calm)) == (0, [])


def test_a_study_is_overdue_once(calm):
    """Two of its series are late; an answered acquisition is not."""
    calm.receive(reconstruction(2, 10))
    calm.receive(reconstruction(3, 5))
    calm.clock.now += HOUR
    assert (overdue(calm), overdue(calm)) == (1, 0)
    assert len(told(calm)) == 1
    read_all(calm)
    calm.receive(reconstruction(4, 2))
    calm.clock.now += HOUR
    assert overdue(calm) == 0


def test_overdue_minutes(calm):
    """[study] overdue_minutes."""
    calm.receive(reconstruction(2, 10))
    calm.clock.now += 2 * MINUTE
    hasty = replace(calm.make_teller(), settings=StudySettings(overdue_minutes=2))
    assert hasty.tell_overdue(calm.clock.now) == 1


def test_a_bundle_that_cannot_be_used_is_no_reason_to_say_nothing(calm):
    """That is why nobody reads."""
    calm.receive(reconstruction(2, 10))
    calm.clock.now += HOUR
    calm.bundle = calm.folder / "gone"
    assert overdue(calm) == 1
    (message,) = told(calm)
    assert (message.bundle_name, message.bundle_sha256) == ("none", "")


def test_the_teller_never_imports_torch():
    """It is part of the process that sends, which stays small."""
    code = "import sys, ich_node.study.teller; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
