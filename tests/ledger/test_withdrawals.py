"""An answer is taken back in the ledger: what is owed of it, who has it, and by whom."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from ich_node.answer import WithdrawalReason
from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState, JobState, LeaseLost, NewReader, Result, Wanted
from ich_node.ledger.operator_deliveries import DeliveryChoice, NewDestination
from ich_node.ledger.tables import jobs
from ich_node.ledger.withdrawals import lock_answer
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish, instance
from tests.support.node import opened_ledger
from tests.support.peers import wait_until

NOW = T0 + 1000 * SECOND
NOTE = Result(
    sop_instance_uid="2.25.99",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.59",
    kind="withdrawal",
    path="objects/99/99.dcm",
    sha256="99",
    size_bytes=100,
)


def take_back(ledger, job_id=1, *, reached=None):
    job = ledger.operator.get(job_id)
    reached = reached or ledger.withdrawals.reached(job)
    return ledger.withdrawals.withdraw(
        job,
        reached=reached,
        now=NOW,
        code=WithdrawalReason.QUALITY,
        reason="blurred",
        who="admin",
        given=[NOTE],
        destinations=sorted(reached.objects),
        notify=[],
    )


def states(ledger, job_id=1):
    return [
        (each.destination, each.kind, each.state) for each in ledger.operator.deliveries(job_id)
    ]


def claimed(ledger, limit=9):
    return ledger.delivery.claim_deliveries(owner="host:1", now=NOW, lease=LEASE, limit=limit)


def test_what_is_owed_is_cancelled_and_who_may_have_it_gets_a_note(ledger):
    """One object was sent, the second is being sent: that sender has lost its lease. A destination
    that was never tried is not told.
    """
    add(ledger)
    finish(ledger, claim(ledger), destinations=("pacs", "archive"))
    sr, overlay = claimed(ledger)
    ledger.delivery.delivered([sr.id], owner="host:1", now=NOW)
    reached = ledger.withdrawals.reached(ledger.operator.get(1))
    assert (reached.objects, reached.owed) == ({"pacs"}, {"archive"})
    assert take_back(ledger) == 3
    assert states(ledger) == [
        ("pacs", "sr", DeliveryState.SENT),
        ("archive", "sr", DeliveryState.CANCELLED),
        ("pacs", "overlay", DeliveryState.CANCELLED),
        ("archive", "overlay", DeliveryState.CANCELLED),
        ("pacs", "withdrawal", DeliveryState.PENDING),
    ]
    with pytest.raises(LeaseLost):
        ledger.delivery.delivered([overlay.id], owner="host:1", now=NOW)
    assert [each.kind for each in claimed(ledger)] == ["withdrawal"]
    job = ledger.operator.get(1)
    assert (job.state, job.withdrawn_at, job.withdrawn_code) == (JobState.DONE, NOW, "quality")
    assert (job.withdrawn_reason, job.withdrawn_by) == ("blurred", "admin")
    with pytest.raises(ConfigError, match="job 1 was withdrawn before"):
        take_back(ledger)


def test_a_revision_that_waits_to_be_read_again_is_cancelled(ledger):
    """It would tell another answer about the series."""
    add(ledger)
    finish(ledger, claim(ledger))
    plan = ledger.rereading.plan(Wanted(job_ids=(1,)), sha256="c" * 64, deliver=True)
    reader = NewReader(sha256="c" * 64, name="other", path="c.safetensors")
    assert ledger.rereading.ask(plan, reader, deliver=True, who="admin", now=NOW) == 1
    take_back(ledger)
    assert ledger.operator.get(2).state is JobState.CANCELLED
    assert ledger.operator.events(2)[-1].detail == "the answer of job 1 was withdrawn"


def test_a_revision_that_is_being_read_again_is_cancelled(ledger):
    """Its analyser has lost the lease."""
    add(ledger)
    finish(ledger, claim(ledger))
    plan = ledger.rereading.plan(Wanted(job_ids=(1,)), sha256="c" * 64, deliver=True)
    reader = NewReader(sha256="c" * 64, name="other", path="c.safetensors")
    ledger.rereading.ask(plan, reader, deliver=True, who="admin", now=NOW)
    job = ledger.reading.claim_again(owner="host:1", now=NOW, lease=LEASE, max_attempts=3)
    take_back(ledger)
    with pytest.raises(LeaseLost):
        finish(ledger, job, at=NOW)
    assert ledger.operator.get(2).state is JobState.CANCELLED


@pytest.mark.parametrize("asked_for", ["sent again", "given up and retried", "its job retried"])
def test_who_may_have_it_is_told_although_it_is_owed_again(ledger, asked_for):
    """What an operator asked for before, or called off, does not hide that it was sent."""
    add(ledger)
    finish(ledger, claim(ledger))
    ids = [each.id for each in claimed(ledger)]
    everything = DeliveryChoice()
    if asked_for == "sent again":
        ledger.delivery.delivered(ids, owner="host:1", now=NOW)
        ledger.deliveries.resend(1, to=None, now=NOW, who="ann")
        ledger.deliveries.cancel(everything, now=NOW, who="ann")
        to = NewDestination(name="pacs", gets_notifications=False)
        ledger.deliveries.resend(1, to=to, now=NOW, who="ann")
    else:
        ledger.delivery.give_up(ids, owner="host:1", now=NOW, detail="no answer")
        if asked_for == "its job retried":
            ledger.operator.retry(1, now=NOW)
        else:
            ledger.deliveries.retry(everything, now=NOW, who="ann")
    assert take_back(ledger) == 2
    assert states(ledger)[-1] == ("pacs", "withdrawal", DeliveryState.PENDING)


def test_of_two_operators_one_withdraws(url):
    """The other one is told so; there is one rejection note."""
    with opened_ledger(url) as ledger:
        add(ledger)
        finish(ledger, claim(ledger))
        ledger.delivery.delivered([each.id for each in claimed(ledger)], owner="host:1", now=NOW)
        reached = ledger.withdrawals.reached(ledger.operator.get(1))

        def withdraw(_):
            try:
                return take_back(ledger, reached=reached)
            except ConfigError as error:
                return str(error)

        with ThreadPoolExecutor(4) as threads:
            said = list(threads.map(withdraw, range(4)))
        assert sorted(map(str, said))[0] == "0"
        assert said.count("job 1 was withdrawn before") + said.count(None) == 3
        assert [each[1] for each in states(ledger)].count("withdrawal") == 1


def test_nothing_is_sent_or_read_again_while_an_answer_is_withdrawn(postgres_url):
    """Who comes second finds it withdrawn: a sender, an operator who has it sent or read again."""
    with opened_ledger(postgres_url) as ledger, opened_ledger(postgres_url) as other:
        add(ledger)
        finish(ledger, claim(ledger))
        plan = other.rereading.plan(Wanted(job_ids=(1,)), sha256="c" * 64, deliver=True)
        reader = NewReader(sha256="c" * 64, name="other", path="c.safetensors")
        viewer = NewDestination(name="viewer", gets_notifications=False)
        with ThreadPoolExecutor(3) as threads, ledger.database.write() as connection:
            lock_answer(connection, ledger.operator.get(1))
            assert claimed(other) == []
            sent = threads.submit(other.deliveries.resend, 1, to=viewer, now=NOW, who="ann")
            asked = threads.submit(
                other.rereading.ask, plan, reader, deliver=True, who="ann", now=NOW
            )
            connection.execute(sa.update(jobs).where(jobs.c.id == 1).values(withdrawn_at=NOW))
            wait_until(lambda: waiting_for_locks(other) == 2, what="both wait")
        assert sent.result().is_withdrawn
        assert asked.result() == 0
        assert len(ledger.operator.list()) == 1


def waiting_for_locks(ledger) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with ledger.database.read() as connection:
        return connection.execute(sa.text(query)).scalar_one()


def test_nothing_changes_if_more_was_sent_meanwhile(ledger):
    """The caller looks again."""
    add(ledger)
    finish(ledger, claim(ledger))
    before = ledger.withdrawals.reached(ledger.operator.get(1))
    claimed(ledger)
    assert take_back(ledger, reached=before) is None
    assert ledger.operator.get(1).withdrawn_at is None
    assert take_back(ledger) == 2


def test_an_answer_that_depends_on_a_withdrawn_one_is_not_recorded(ledger):
    """It was to stay silent because that one stood; the job is read again when its lease ends."""
    add(ledger, study="2.25.9")
    finish(ledger, claim(ledger))
    add(ledger, series="2.25.2", study="2.25.9")
    job = claim(ledger)
    take_back(ledger)
    with pytest.raises(LeaseLost, match="job 1 was withdrawn meanwhile"):
        ledger.reading.finish(
            job,
            now=NOW,
            answer=ledger.operator.get(1).answer,
            series_probability=0.9,
            bundle_sha256="b",
            results=[],
            destinations=[],
            in_favour_of=1,
        )
    assert ledger.operator.get(2).state is JobState.READING


def test_the_sources_of_a_series(ledger):
    """Those of all objects that a revision covers."""
    add(ledger)
    claim(ledger)
    second = replace(instance(2), source="other")
    ledger.receiving.add(second, ready_at=T0 + QUIET, max_wait=QUIET)
    study = ledger.reading.study(ledger.operator.get(1))
    assert ledger.reading.sources(study) == {1: {"ct"}, 2: {"ct", "other"}}
