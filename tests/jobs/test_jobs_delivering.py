"""Results are owed, claimed for one association at a time, and sent."""

import pytest
from ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

from ich_node.jobs import DeliveryState, LeaseLost

DONE_AT = T0 + QUIET


@pytest.fixture
def owing(jobs):
    """Two finished jobs, two results each, owed to two destinations; the second job a second later."""
    for number in (1, 2):
        add(jobs, series=f"2.25.{number}")
        finish(jobs, claim(jobs), at=DONE_AT + number * SECOND, destinations=("pacs", "archive"))
    return jobs


def take(jobs, *, at=DONE_AT + 10 * SECOND, owner="host:1", limit=100):
    return jobs.claim_deliveries(owner=owner, now=at, lease=LEASE, limit=limit)


def ids(batch):
    return [delivery.id for delivery in batch]


def test_a_batch_is_one_destination_and_one_job(owing):
    """What is claimed together fits one association: one destination, one job, the longest due first."""
    batches = [take(owing) for _ in range(5)]
    assert [{(delivery.job_id, delivery.destination) for delivery in batch} for batch in batches] == [
        {(1, "pacs")}, {(1, "archive")}, {(2, "pacs")}, {(2, "archive")}, set(),
    ]  # fmt: skip
    assert [delivery.kind for delivery in batches[0]] == ["sr", "overlay"]
    assert {(delivery.state, delivery.attempts, delivery.lease_owner) for delivery in batches[0]} == {
        (DeliveryState.SENDING, 1, "host:1")
    }


def test_limit(owing):
    """A batch is no longer than asked for; the rest comes next."""
    assert len(take(owing, limit=1)) == 1
    assert [delivery.kind for delivery in take(owing, limit=1)] == ["sr"]


def test_not_before_it_is_due(owing):
    """Nothing is sent before its time."""
    assert take(owing, at=DONE_AT) == []


def test_delivered(owing):
    """Sent is the end: time and warning are kept, and it is not owed any more."""
    batch = take(owing)
    owing.delivered(ids(batch), owner="host:1", now=DONE_AT + 11 * SECOND, detail="taken with warning: status 0xB000")
    sent = [delivery for delivery in owing.deliveries(1) if delivery.destination == "pacs"]
    assert {(delivery.state, delivery.sent_at, delivery.detail, delivery.lease_owner) for delivery in sent} == {
        (DeliveryState.SENT, DONE_AT + 11 * SECOND, "taken with warning: status 0xB000", None)
    }
    assert owing.events(1)[-1].detail == "2 objects, pacs: taken with warning: status 0xB000"


def test_postpone(owing):
    """A destination that is down is tried again later; its tries and its first time are kept, and others are not held up."""
    batch = take(owing)
    owing.postpone(ids(batch), owner="host:1", now=DONE_AT + 11 * SECOND, next_at=DONE_AT + 41 * SECOND, detail="refused")
    assert {delivery.destination for delivery in take(owing)} == {"archive"}
    assert {delivery.job_id for delivery in take(owing)} == {2}
    again = [*take(owing), *take(owing, at=DONE_AT + 41 * SECOND)]
    mine = [delivery for delivery in again if delivery.id in ids(batch)]
    assert {(delivery.attempts, delivery.first_at, delivery.detail) for delivery in mine} == {(2, DONE_AT + SECOND, "refused")}


def test_give_up(owing):
    """What was given up stays as failed, with the last reason."""
    batch = take(owing)
    owing.give_up(ids(batch), owner="host:1", now=DONE_AT + 11 * SECOND, detail="unreachable for 24 h")
    failed = [delivery for delivery in owing.deliveries(1) if delivery.state is DeliveryState.FAILED]
    assert {delivery.detail for delivery in failed} == {"unreachable for 24 h"}
    assert not set(ids(batch)) & {delivery.id for _ in range(4) for delivery in take(owing, at=DONE_AT + 9 * LEASE)}


def test_expired_lease(owing):
    """When a sender dies in the middle its batch goes out again after the lease, with the same UIDs."""
    batch = take(owing)
    again = take(owing, at=DONE_AT + 10 * SECOND + LEASE, owner="host:2")
    while not set(ids(again)) & set(ids(batch)):
        again = take(owing, at=DONE_AT + 10 * SECOND + LEASE, owner="host:2")
    assert [delivery.sop_instance_uid for delivery in again] == [delivery.sop_instance_uid for delivery in batch]
    assert {delivery.attempts for delivery in again} == {2}


def test_renewed_lease(owing):
    """A long batch is kept by renewing."""
    batch = take(owing)
    owing.renew_deliveries(ids(batch), owner="host:1", now=DONE_AT + 60 * SECOND, lease=LEASE)
    others = [take(owing, at=DONE_AT + 100 * SECOND, owner="host:2") for _ in range(4)]
    assert not set(ids(batch)) & {delivery.id for other in others for delivery in other}


@pytest.mark.parametrize(
    "settle",
    [
        lambda jobs, ids: jobs.renew_deliveries(ids, owner="host:1", now=DONE_AT, lease=LEASE),
        lambda jobs, ids: jobs.delivered(ids, owner="host:1", now=DONE_AT),
        lambda jobs, ids: jobs.postpone(ids, owner="host:1", now=DONE_AT, next_at=DONE_AT, detail="refused"),
        lambda jobs, ids: jobs.give_up(ids, owner="host:1", now=DONE_AT, detail="refused"),
    ],
    ids=["renew", "delivered", "postpone", "give up"],
)
def test_stale_sender_writes_nothing(owing, settle):
    """A sender whose lease went to another is told so, and none of its batch changes."""
    batch = take(owing)
    owing.delivered(ids(batch)[:1], owner="host:1", now=DONE_AT)
    before = owing.deliveries(1)
    with pytest.raises(LeaseLost, match="1 of 2 deliveries are no longer held by host:1"):
        settle(owing, ids(batch))
    assert owing.deliveries(1) == before
