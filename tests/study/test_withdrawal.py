"""An answer is taken back: who has it hears of it, and nothing of it is sent any more."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest

from ich_node.answer import Answer, WithdrawalReason
from ich_node.errors import ConfigError, Unavailable
from ich_node.ledger import DeliveryState, JobState, LeaseLost, WithdrawalLedger
from ich_node.model.detector import Detector
from ich_node.notification import KIND
from ich_node.study.withdrawal import FilesGone, Withdrawer, Withdrawn
from tests.study.conftest import DESTINATIONS
from tests.support.analysing import AnalysingNode
from tests.support.heads import ROOT
from tests.support.node import open_node
from tests.support.study_answers import answers_of, jobs_of, read_all, told, told_to
from tests.support.study_series import reconstruction

MINUTE = timedelta(minutes=1)


@pytest.fixture
def node(tmp_path: Path, untrained_bundle: Path) -> Iterator[AnalysingNode]:
    """Its bundle calls everything positive."""
    with open_node(
        tmp_path, AnalysingNode, bundle=untrained_bundle, destinations=DESTINATIONS
    ) as opened:
        yield opened


def withdrawer(node: AnalysingNode) -> Withdrawer:
    return Withdrawer(
        ledger=node.ledger.withdrawals,
        spool=node.spool,
        destinations=node.destinations,
        ae_title="ICHNODE",
    )


def withdraw(
    node: AnalysingNode, number: int, code: WithdrawalReason = WithdrawalReason.WRONG_PATIENT
) -> Withdrawn:
    """The newest revision of that series."""
    each = withdrawer(node)
    node.clock.now += MINUTE
    return each.withdraw(
        each.sent(jobs_of(node)[number]), code, reason="why", who="admin", now=node.clock.now
    )


def deliver(node: AnalysingNode, *names: str) -> None:
    """What is owed to these destinations, or to all; the rest waits."""
    owner = {"owner": "sender", "now": node.clock.now}
    while batch := node.ledger.delivery.claim_deliveries(lease=MINUTE, limit=100, **owner):
        ids = [each.id for each in batch]
        if not names or batch[0].destination in names:
            node.ledger.delivery.delivered(ids, **owner)
        else:
            node.ledger.delivery.postpone(
                ids, **owner, next_at=node.clock.now + 99 * MINUTE, detail="down"
            )


def owed(node: AnalysingNode) -> dict[str, list[str]]:
    """By destination the kinds that wait to be sent."""
    found: dict[str, list[str]] = {}
    for each in node.deliveries():
        if each.state is DeliveryState.PENDING:
            found.setdefault(each.destination, []).append(each.kind)
    return found


def test_who_has_it_gets_a_note_or_a_message(node):
    """The note names every object, under the patient under which they lie; the message replaces the
    last one and says why. Ledger and journal know who, when and what.
    """
    node.receive(reconstruction(2))
    read_all(node)
    objects = [each for each in node.ledger.operator.results(1) if each.kind != KIND]
    deliver(node)
    done = withdraw(node, 2)
    assert (done.to, done.notified, done.cancelled) == (["pacs"], ["phone", "ris"], 0)
    assert owed(node) == {"pacs": ["withdrawal"], "ris": [KIND], "phone": [KIND]}
    job = node.job
    assert (job.withdrawn_at, job.withdrawn_by) == (node.clock.now, "admin")
    assert (job.withdrawn_code, job.withdrawn_reason) == ("wrong_patient", "why")
    assert (job.state, job.answer) == (JobState.DONE, Answer.PRESENT)
    events = [(event.event, event.detail) for event in node.ledger.operator.events(1)]
    assert ("withdrawn", "by admin, wrong patient: why") in events
    (note,) = (r for r in node.ledger.operator.results(1) if r.kind == "withdrawal")
    document = pydicom.dcmread(io.BytesIO(node.spool.read(note.path)))
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    named = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert named == {each.sop_instance_uid for each in objects}
    assert (document.PatientID, document.StudyInstanceUID) == ("P1", f"{ROOT}1")
    assert "why" not in str(document)
    first, last = told(node)
    assert (last.finding, last.replaces, last.at) == ("withdrawn", first.uid, node.clock.now)
    assert last.withdrawal.code is WithdrawalReason.WRONG_PATIENT
    assert last.identifiers == first.identifiers


def test_what_was_not_sent_is_never_sent(node):
    """The PACS was down and may have got something; the phone was never tried."""
    node.receive(reconstruction(2))
    read_all(node)
    now = node.clock.now
    (batch,) = (
        node.ledger.delivery.claim_deliveries(
            owner="s", now=now, lease=MINUTE, limit=99, priorities={"pacs": 99}
        ),
    )
    assert {each.destination for each in batch} == {"pacs"}
    done = withdraw(node, 2)
    assert (done.to, done.notified) == (["pacs"], [])
    assert done.cancelled == len(batch) + 2
    assert owed(node) == {"pacs": ["withdrawal"]}


def test_a_withdrawn_answer_does_not_stand(node):
    """A later revision is read and told as usual, and its SR replaces none that was withdrawn."""
    datasets = reconstruction(2)
    node.receive(datasets[:-1])
    read_all(node)
    deliver(node)
    withdraw(node, 2)
    node.receive(datasets[-1:])
    read_all(node)
    assert answers_of(node) == {2: "present"}
    assert jobs_of(node)[2].revision == 2
    assert told_to(node) == [{"ris", "phone"}] * 3
    (document,) = (r for r in node.ledger.operator.results(2) if r.kind == "sr")
    sr = pydicom.dcmread(io.BytesIO(node.spool.read(document.path)))
    assert "PredecessorDocumentsSequence" not in sr


def test_another_answer_of_the_study_stands(node):
    """The message of the withdrawal names it: a worklist shows the last message of a study."""
    node.receive(reconstruction(2))
    read_all(node)
    node.receive(reconstruction(3, at="120000"))
    read_all(node)
    deliver(node)
    withdraw(node, 3, WithdrawalReason.QUALITY)
    last = told(node)[-1]
    assert (last.finding, last.answer, last.answer_series) == (
        "withdrawn",
        Answer.PRESENT,
        f"{ROOT}2.2",
    )
    withdraw(node, 2, WithdrawalReason.QUALITY)
    last = told(node)[-1]
    assert (last.finding, last.answer) == ("withdrawn", Answer.NOT_ANALYSED)


def test_a_withdrawn_series_is_not_forgotten(calm):
    """A later answer "absent" about another acquisition does not speak for the study."""
    calm.receive(reconstruction(2))
    read_all(calm)
    deliver(calm)
    withdraw(calm, 2)
    calm.receive(reconstruction(3, at="120000"))
    read_all(calm)
    last = told(calm)[-1]
    assert (last.series_answer, last.answer) == (Answer.ABSENT, Answer.NOT_ANALYSED)
    assert last.answer_series == f"{ROOT}2.2"


def test_what_a_later_answer_replaced_is_withdrawn_in_the_archive_only(node):
    """The message of the later answer stands."""
    datasets = reconstruction(2)
    node.receive(datasets[:-1])
    read_all(node)
    node.receive(datasets[-1:])
    read_all(node)
    deliver(node)
    each = withdrawer(node)
    first = node.ledger.operator.get(1)
    assert not each.is_told(each.sent(first))
    assert each.is_told(each.sent(node.job))
    done = each.withdraw(
        each.sent(first), WithdrawalReason.SAFETY, reason="r", who="w", now=node.clock.now
    )
    assert (done.to, done.notified) == (["pacs"], [])


def test_it_cannot_be_withdrawn_twice_and_not_without_an_answer(node):
    """Nor once the files are gone; nothing changes then."""
    node.receive(reconstruction(2), ready_in=MINUTE)
    each = withdrawer(node)
    with pytest.raises(ConfigError, match=r"job 1 \(waiting\) has no answer that anybody was told"):
        each.sent(node.job)
    node.clock.now += MINUTE
    read_all(node)
    deliver(node)
    sent = each.sent(node.job)
    withdraw(node, 2)
    with pytest.raises(ConfigError, match="job 1 was withdrawn before, at 20"):
        each.sent(node.job)
    with pytest.raises(ConfigError, match="job 1 was withdrawn before"):
        each.withdraw(
            sent, WithdrawalReason.SAFETY, reason="r", who="w", now=node.clock.now + MINUTE
        )
    node.receive(reconstruction(4, StudyInstanceUID=f"{ROOT}77"))
    read_all(node)
    for result in node.ledger.operator.results(2):
        node.spool.absolute(result.path).unlink()
    with pytest.raises(FilesGone, match="the results of job 2 were removed after their time"):
        each.sent(node.job)


def test_a_note_that_was_only_written_is_never_owed(node, monkeypatch):
    """The process was killed before the ledger knew of it; the command is given again."""
    node.receive(reconstruction(2))
    read_all(node)
    deliver(node)

    def killed(*_: object, **__: object) -> None:
        raise Unavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(WithdrawalLedger, "withdraw", killed)
        with pytest.raises(Unavailable):
            withdraw(node, 2)
    assert owed(node) == {}
    assert node.job.withdrawn_at is None
    withdraw(node, 2)
    assert owed(node) == {"pacs": ["withdrawal"], "ris": [KIND], "phone": [KIND]}


def test_an_answer_that_is_withdrawn_while_another_agrees_with_it(node):
    """The agreeing series is not ended as told already: it is read again, and told."""
    node.receive(reconstruction(2))
    read_all(node)
    deliver(node)
    node.receive(reconstruction(3, 5.0))
    ledger = node.ledger.reading
    job = ledger.claim(owner="first", now=node.clock.now, lease=MINUTE, max_attempts=3)
    outcome = node.analyser.read_job(job, Detector(node.active_bundle.current()))
    assert outcome.telling.in_favour_of == 1
    withdraw(node, 2)
    with pytest.raises(LeaseLost, match="job 1 was withdrawn meanwhile"):
        node.analyser._recorder.record_outcome(job, outcome, seconds=1)
    node.clock.now += 2 * MINUTE
    read_all(node)
    assert told(node)[-1].series_answer is Answer.PRESENT
