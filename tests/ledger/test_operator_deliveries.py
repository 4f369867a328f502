"""What an operator sees of deliveries, and does with them."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import DeliveryState, Result
from ich_node.ledger.operator_deliveries import CANCELLABLE, DeliveryChoice, NewDestination
from ich_node.ledger.tables import deliveries, jobs
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish, results

NOW = T0 + QUIET + SECOND
HOUR = 3600 * SECOND
PENDING, FAILED, SENT = DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.SENT
CANCELLED = DeliveryState.CANCELLED
EVERYTHING = DeliveryChoice()


@pytest.fixture
def owing(ledger):
    """Two jobs, each with two results for two destinations; the second an hour later."""
    for number in (1, 2):
        add(ledger, series=f"2.25.{number}", at=T0 + number * HOUR)
        at = T0 + number * HOUR + QUIET
        finish(ledger, claim(ledger, at=at), at=at, destinations=("pacs", "archive"))
    return ledger


def take(ledger, *, at, to=None):
    """Batches, one for each job and destination; those for others than `to` stay SENDING."""
    found = []
    while batch := ledger.delivery.claim_deliveries(owner="h", now=at, lease=LEASE, limit=100):
        found += [batch] if to in (None, batch[0].destination) else []
    return found


def settle(ledger, *, at, end="delivered", to=None):
    for batch in take(ledger, at=at, to=to):
        ids = [delivery.id for delivery in batch]
        getattr(ledger.delivery, end)(ids, owner="h", now=at, detail="away")


def states(ledger, job=1, to="pacs"):
    return [each.state for each in ledger.operator.deliveries(job) if each.destination == to]


def test_one_line_for_each_job_and_destination(owing):
    """The longest owed first, with the number of objects; the limit leaves lines out and counts
    them.
    """
    page = owing.deliveries.list(EVERYTHING, limit=3)
    assert [(each.job_id, each.destination, each.objects) for each in page.owed] == [
        (1, "archive", 2), (1, "pacs", 2), (2, "archive", 2),
    ]  # fmt: skip
    assert (page.lines, page.objects) == (4, 8)
    assert page.owed[0].first_at == T0 + HOUR + QUIET
    empty = owing.deliveries.list(DeliveryChoice(job_ids=[99]), limit=3)
    assert (empty.owed, empty.lines, empty.objects) == ([], 0, 0)


def test_what_is_listed_can_be_chosen(owing):
    """By destination, by state, and by how long it has been owed."""
    settle(owing, at=T0 + HOUR + QUIET, end="give_up", to="pacs")
    later = T0 + 2 * HOUR + QUIET + SECOND

    def listed(**choice):
        page = owing.deliveries.list(DeliveryChoice(**choice), limit=10)
        return [(each.job_id, each.destination, each.state, each.detail) for each in page.owed]

    assert listed(states=(FAILED,)) == [(1, "pacs", FAILED, "away")]
    assert [each[:3] for each in listed(destination="pacs", older_than=T0 + 2 * HOUR)] == [
        (1, "pacs", FAILED)
    ]
    assert {each[0] for each in listed(older_than=later)} == {1, 2}
    assert owing.deliveries.destinations() == {"pacs", "archive"}


def test_retry_makes_due_what_waits_and_what_was_given_up(owing):
    """What was given up starts anew, after one try; what waits keeps its tries. Nothing else
    changes.
    """
    at = T0 + HOUR + QUIET
    settle(owing, at=at, end="give_up", to="pacs")
    owing.delivery.pause_destination("pacs", until=at + 5 * HOUR)
    retried = owing.deliveries.retry(
        DeliveryChoice(destination="pacs"), now=at + 3 * HOUR, who="ann"
    )
    assert retried == {"pacs": 4}
    first, second = (
        [each for each in owing.operator.deliveries(job) if each.destination == "pacs"]
        for job in (1, 2)
    )
    assert {(each.state, each.attempts, each.first_at) for each in first} == {
        (PENDING, 1, at + 3 * HOUR)
    }
    assert {(each.state, each.first_at) for each in second} == {(PENDING, at + HOUR)}
    assert {each.next_at for each in [*first, *second]} == {at + 3 * HOUR}
    event = owing.operator.events(1)[-1]
    assert (event.event, event.detail) == (
        "delivery retried", "2 objects, pacs: by hand, by ann"
    )  # fmt: skip
    only_failed = DeliveryChoice(states=(FAILED,))
    assert owing.deliveries.retry(only_failed, now=at + 3 * HOUR, who="ann") == {}


def test_cancel_ends_what_is_owed_and_not_what_is_being_sent(owing):
    """It is settled, so that retention may remove the files; what is SENDING stays."""
    at = T0 + HOUR + QUIET
    batch = owing.delivery.claim_deliveries(owner="h", now=at, lease=LEASE, limit=1)
    to = batch[0].destination
    choice = DeliveryChoice(job_ids=[1], destination=to)
    assert owing.deliveries.count(replace(choice, states=CANCELLABLE)) == {to: 1}
    assert owing.deliveries.cancel(choice, now=at, who="ann") == {to: 1}
    assert states(owing, to=to) == [DeliveryState.SENDING, CANCELLED]
    assert owing.operator.events(1)[-1].event == "delivery cancelled"
    owing.delivery.delivered([batch[0].id], owner="h", now=at)
    assert owing.deliveries.cancel(choice, now=at, who="ann") == {}
    assert owing.deliveries.cancel(DeliveryChoice(job_ids=[1, 2]), now=at, who="ann").total() == 6
    assert owing.maintenance.sweep_series(
        idle_since=at + 9 * HOUR, failed_too=False, limit=9, now=at + 9 * HOUR
    )


def test_resend_owes_again_what_was_delivered(owing):
    """The same results: their UIDs and files. What was not delivered yet is only counted."""
    at = T0 + 2 * HOUR + QUIET
    before = owing.operator.results(1)
    settle(owing, at=at, to="pacs")
    owing.delivery.postpone(
        [each.id for each in owing.operator.deliveries(1) if each.destination == "archive"],
        owner="h", now=at, next_at=at + HOUR, detail="away",
    )  # fmt: skip
    resent = owing.deliveries.resend(1, to=None, now=at + HOUR, who="ann")
    assert (resent.again, resent.still_owed) == ({"pacs": 2}, 2)
    mine = [each for each in owing.operator.deliveries(1) if each.destination == "pacs"]
    assert {(each.state, each.attempts, each.next_at, each.sent_at) for each in mine} == {
        (PENDING, 1, at + HOUR, at)
    }
    assert owing.operator.results(1) == before
    assert states(owing, job=2) == [SENT, SENT]
    assert owing.operator.events(1)[-1].detail == "2 objects, pacs: by hand, by ann"
    assert owing.deliveries.resend(99, to=None, now=at, who="ann") is None


def test_resend_to_a_new_destination_owes_what_it_takes(owing):
    """Objects for one that takes objects; one that takes messages gets none of a job that has
    none. Called off deliveries are owed again when their destination is named.
    """
    at = T0 + HOUR + QUIET
    viewer = NewDestination(name="viewer", gets_notifications=False)
    for _ in range(2):
        assert owing.deliveries.resend(1, to=viewer, now=at, who="ann").again in ({"viewer": 2}, {})
        assert states(owing, to="viewer") == [PENDING, PENDING]
    ris = NewDestination(name="ris", gets_notifications=True)
    assert owing.deliveries.resend(1, to=ris, now=at, who="ann").again == {}
    owing.deliveries.cancel(DeliveryChoice(destination="pacs"), now=at, who="ann")
    assert owing.deliveries.resend(1, to=None, now=at, who="ann").again == {}
    pacs = NewDestination(name="pacs", gets_notifications=False)
    assert owing.deliveries.resend(1, to=pacs, now=at, who="ann").again == {"pacs": 2}


def test_a_message_with_a_newer_one_is_not_sent_again(ledger):
    """The reporting system would take the old answer for the newest."""
    message = Result(
        sop_instance_uid="", sop_class_uid="", kind="notification", path="", sha256="", size_bytes=1
    )
    for number in (1, 2):
        add(ledger, number)
        job = claim(ledger)
        made = [replace(message, sop_instance_uid=f"2.25.{number}.7"), *results(job, count=1)]
        ledger.reading.finish(
            job, now=NOW, answer=Answer.PRESENT, series_probability=0.9, bundle_sha256="b",
            results=made, destinations=["pacs"], notify=["ris"],
        )  # fmt: skip
        settle(ledger, at=NOW)
    old, new = (ledger.deliveries.resend(job, to=None, now=NOW, who="ann") for job in (1, 2))
    assert (old.again, old.outdated) == ({"pacs": 1}, 1)
    assert (new.again, new.outdated) == ({"pacs": 1, "ris": 1}, 0)
    assert states(ledger, to="ris") == [SENT]


def test_what_was_swept_or_withdrawn_is_not_sent_again(owing):
    """The files are gone, or the answer was taken back: nothing changes."""
    at = T0 + 2 * HOUR + QUIET
    settle(owing, at=at)
    with owing.database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == 1).values(swept_at=at))
        connection.execute(sa.update(jobs).where(jobs.c.id == 2).values(withdrawn_at=at))
    swept, withdrawn = (owing.deliveries.resend(job, to=None, now=at, who="ann") for job in (1, 2))
    assert (swept.swept_at, swept.again) == (at, {})
    assert (withdrawn.is_withdrawn, withdrawn.again) == (True, {})
    with owing.database.read() as connection:
        assert set(connection.execute(sa.select(deliveries.c.state)).scalars()) == {SENT}
