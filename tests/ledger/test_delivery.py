"""Results are owed, claimed for one association at a time, and sent."""

import pytest

from ich_node.answer import Answer
from ich_node.ledger import DeliveryState, LeaseLost, Result
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish, results

DONE_AT = T0 + QUIET


@pytest.fixture
def owing(ledger):
    """Two finished jobs, two results each, owed to two destinations; the second job a second
    later.
    """
    for number in (1, 2):
        add(ledger, series=f"2.25.{number}")
        finish(
            ledger, claim(ledger), at=DONE_AT + number * SECOND, destinations=("pacs", "archive")
        )
    return ledger


def take(ledger, *, at=DONE_AT + 10 * SECOND, owner="host:1", limit=100):
    return ledger.delivery.claim_deliveries(owner=owner, now=at, lease=LEASE, limit=limit)


def ids(batch):
    return [delivery.id for delivery in batch]


def test_a_batch_is_one_destination_and_one_job(owing):
    """What is claimed together fits one association: one destination, one job, the longest due
    first.
    """
    batches = [take(owing) for _ in range(5)]
    kinds = [{(delivery.job_id, delivery.destination) for delivery in batch} for batch in batches]
    assert kinds == [
        {(1, "pacs")}, {(1, "archive")}, {(2, "pacs")}, {(2, "archive")}, set(),
    ]  # fmt: skip
    assert [delivery.kind for delivery in batches[0]] == ["sr", "overlay"]
    assert {
        (delivery.state, delivery.attempts, delivery.lease_owner) for delivery in batches[0]
    } == {(DeliveryState.SENDING, 1, "host:1")}


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
    owing.delivery.delivered(
        ids(batch),
        owner="host:1",
        now=DONE_AT + 11 * SECOND,
        detail="taken with warning: status 0xB000",
    )
    sent = [delivery for delivery in owing.operator.deliveries(1) if delivery.destination == "pacs"]
    assert {
        (delivery.state, delivery.sent_at, delivery.detail, delivery.lease_owner)
        for delivery in sent
    } == {(DeliveryState.SENT, DONE_AT + 11 * SECOND, "taken with warning: status 0xB000", None)}
    assert (
        owing.operator.events(1)[-1].detail == "2 objects, pacs: taken with warning: status 0xB000"
    )


def test_postpone(owing):
    """A destination that is down is tried again later; its tries and its first time are kept, and
    others are not held up.
    """
    batch = take(owing)
    owing.delivery.postpone(
        ids(batch),
        owner="host:1",
        now=DONE_AT + 11 * SECOND,
        next_at=DONE_AT + 41 * SECOND,
        detail="refused",
    )
    assert {delivery.destination for delivery in take(owing)} == {"archive"}
    assert {delivery.job_id for delivery in take(owing)} == {2}
    again = [*take(owing), *take(owing, at=DONE_AT + 41 * SECOND)]
    mine = [delivery for delivery in again if delivery.id in ids(batch)]
    assert {(delivery.attempts, delivery.first_at, delivery.detail) for delivery in mine} == {
        (2, DONE_AT + SECOND, "refused")
    }


def test_pause_destination(owing):
    """What waits for a destination that does not answer is not due; what waits for others is, and
    what is later stays later.
    """
    batch = take(owing)
    owing.delivery.postpone(
        ids(batch),
        owner="host:1",
        now=DONE_AT + 10 * SECOND,
        next_at=DONE_AT + 90 * SECOND,
        detail="away",
    )
    owing.delivery.pause_destination("pacs", until=DONE_AT + 40 * SECOND)
    assert {delivery.destination for _ in range(4) for delivery in take(owing)} == {"archive"}
    held = take(owing, at=DONE_AT + 40 * SECOND)
    assert {(delivery.job_id, delivery.attempts) for delivery in held} == {(2, 1)}
    assert take(owing, at=DONE_AT + 60 * SECOND) == []


def test_give_up(owing):
    """What was given up stays as failed, with the last reason."""
    batch = take(owing)
    owing.delivery.give_up(
        ids(batch), owner="host:1", now=DONE_AT + 11 * SECOND, detail="unreachable for 24 h"
    )
    failed = [
        delivery
        for delivery in owing.operator.deliveries(1)
        if delivery.state is DeliveryState.FAILED
    ]
    assert {delivery.detail for delivery in failed} == {"unreachable for 24 h"}
    assert not set(ids(batch)) & {
        delivery.id for _ in range(4) for delivery in take(owing, at=DONE_AT + 9 * LEASE)
    }


def test_expired_lease(owing):
    """When a sender dies in the middle its batch goes out again after the lease, with the same
    UIDs.
    """
    batch = take(owing)
    again = take(owing, at=DONE_AT + 10 * SECOND + LEASE, owner="host:2")
    while not set(ids(again)) & set(ids(batch)):
        again = take(owing, at=DONE_AT + 10 * SECOND + LEASE, owner="host:2")
    assert [delivery.sop_instance_uid for delivery in again] == [
        delivery.sop_instance_uid for delivery in batch
    ]
    assert {delivery.attempts for delivery in again} == {2}


def test_renewed_lease(owing):
    """A sender keeps a long batch by renewing the lease."""
    batch = take(owing)
    owing.delivery.renew_deliveries(
        ids(batch), owner="host:1", now=DONE_AT + 60 * SECOND, lease=LEASE
    )
    others = [take(owing, at=DONE_AT + 100 * SECOND, owner="host:2") for _ in range(4)]
    assert not set(ids(batch)) & {delivery.id for other in others for delivery in other}


@pytest.mark.parametrize(
    "settle",
    [
        lambda ledger, ids: ledger.delivery.renew_deliveries(
            ids, owner="host:1", now=DONE_AT, lease=LEASE
        ),
        lambda ledger, ids: ledger.delivery.delivered(ids, owner="host:1", now=DONE_AT),
        lambda ledger, ids: ledger.delivery.postpone(
            ids, owner="host:1", now=DONE_AT, next_at=DONE_AT, detail="refused"
        ),
        lambda ledger, ids: ledger.delivery.give_up(
            ids, owner="host:1", now=DONE_AT, detail="refused"
        ),
    ],
    ids=["renew", "delivered", "postpone", "give up"],
)
def test_stale_sender_writes_nothing(owing, settle):
    """A sender whose lease was taken over gets LeaseLost, and none of its batch changes."""
    batch = take(owing)
    owing.delivery.delivered(ids(batch)[:1], owner="host:1", now=DONE_AT)
    before = owing.operator.deliveries(1)
    with pytest.raises(LeaseLost, match="1 of 2 deliveries are no longer held by host:1"):
        settle(owing, ids(batch))
    assert owing.operator.deliveries(1) == before


def ask(owing, transaction_uid="2.25.77", *, at=DONE_AT + 10 * SECOND):
    """The first batch was taken; storage commitment is requested, with an hour to answer."""
    batch = take(owing, at=at)
    owing.delivery.stored(
        ids(batch),
        owner="host:1",
        now=at,
        transaction_uid=transaction_uid,
        answer_by=at + 3600 * SECOND,
    )
    return batch


def states(owing, job_id=1, destination="pacs"):
    return [
        delivery.state
        for delivery in owing.operator.deliveries(job_id)
        if delivery.destination == destination
    ]


def test_committed_is_sent(owing):
    """STORED is not SENT; committed objects are SENT at the time of the answer."""
    batch = ask(owing)
    assert states(owing) == [DeliveryState.STORED] * 2
    assert owing.delivery.commitments.awaits_commitment("2.25.77")
    heard = owing.delivery.commitments.commitment_answered(
        "2.25.77",
        committed=[delivery.sop_instance_uid for delivery in batch],
        failed={},
        now=DONE_AT + 99 * SECOND,
    )
    assert (heard, states(owing)) == (2, [DeliveryState.SENT] * 2)
    assert {
        delivery.sent_at
        for delivery in owing.operator.deliveries(1)
        if delivery.destination == "pacs"
    } == {DONE_AT + 99 * SECOND}
    assert not owing.delivery.commitments.awaits_commitment("2.25.77")


def test_not_committed_is_tried_again(owing):
    """What the destination does not keep is due at once, by itself and with the reason; the same
    answer again changes nothing.
    """
    sr, overlay = ask(owing)
    answer = {
        "committed": [sr.sop_instance_uid],
        "failed": {overlay.sop_instance_uid: "not there"},
        "now": DONE_AT + 20 * SECOND,
    }
    assert owing.delivery.commitments.commitment_answered("2.25.77", **answer) == 2
    assert owing.delivery.commitments.commitment_answered("2.25.77", **answer) == 0
    (again,) = owing.delivery.claim_uncommitted(
        owner="host:2", now=DONE_AT + 20 * SECOND, lease=LEASE, limit=9
    )
    assert (again.id, again.detail, again.transaction_uid) == (overlay.id, "not there", None)
    owing.delivery.postpone(
        [again.id],
        owner="host:2",
        now=DONE_AT + 20 * SECOND,
        next_at=DONE_AT + 50 * SECOND,
        detail="not there",
    )
    assert states(owing) == [DeliveryState.SENT, DeliveryState.PENDING]


def test_without_an_answer_it_is_tried_again(owing):
    """Not before the time for the answer is over; meanwhile it is neither due nor lost."""
    batch = ask(owing)
    until = DONE_AT + 3610 * SECOND
    assert (
        owing.delivery.claim_uncommitted(owner="host:2", now=until - SECOND, lease=LEASE, limit=9)
        == []
    )
    assert not set(ids(batch)) & {
        delivery.id for _ in range(4) for delivery in take(owing, at=until - SECOND)
    }
    assert ids(
        owing.delivery.claim_uncommitted(owner="host:2", now=until, lease=LEASE, limit=9)
    ) == ids(batch)


def test_a_refused_question_is_tried_again(owing):
    """All objects of the transaction are due at once."""
    batch = ask(owing)
    owing.delivery.commitments.commitment_refused(
        "2.25.77", now=DONE_AT + 11 * SECOND, detail="status 0x0122"
    )
    again = owing.delivery.claim_uncommitted(
        owner="host:2", now=DONE_AT + 11 * SECOND, lease=LEASE, limit=9
    )
    assert [(delivery.id, delivery.detail) for delivery in again] == [
        (delivery.id, "status 0x0122") for delivery in batch
    ]


def test_an_answer_to_another_question_changes_nothing(owing):
    """Neither an unknown transaction nor an object that was not in it."""
    ask(owing)
    before = owing.operator.deliveries(1)
    everything = [delivery.sop_instance_uid for delivery in before]
    assert (
        owing.delivery.commitments.commitment_answered(
            "2.25.78", committed=everything, failed={}, now=DONE_AT
        )
        == 0
    )
    assert (
        owing.delivery.commitments.commitment_answered(
            "2.25.77", committed=["2.25.7.9.9"], failed={}, now=DONE_AT
        )
        == 0
    )
    assert owing.operator.deliveries(1) == before


def notify(ledger, *, series="2.25.1", revision=1, positive=True, to=("ris",), at=DONE_AT):
    """A revision of a series is read, and these are to be notified."""
    add(ledger, revision, series=series, at=at - QUIET)
    job = claim(ledger, at=at)
    told = Result(
        sop_instance_uid=f"2.25.8.{job.id}",
        sop_class_uid="",
        kind="notification",
        path="",
        sha256=f"{job.id}",
        size_bytes=1,
    )
    answer = {
        "answer": Answer.PRESENT if positive else Answer.ABSENT,
        "series_probability": 0.5,
        "bundle_sha256": "b",
        "results": [told],
    }
    ledger.reading.finish(job, now=at, destinations=(), notify=to, **answer)
    return job


def test_objects_and_notifications_go_to_their_own(ledger):
    """A notification is owed to who is to be notified, an object to the other destinations."""
    add(ledger)
    job = claim(ledger)
    told = Result(
        sop_instance_uid="2.25.8",
        sop_class_uid="",
        kind="notification",
        path="",
        sha256="8",
        size_bytes=1,
    )
    answer = {
        "answer": Answer.PRESENT,
        "series_probability": 0.5,
        "bundle_sha256": "b",
        "results": [*results(job), told],
    }
    ledger.reading.finish(job, now=DONE_AT, destinations=("pacs",), notify=("ris",), **answer)
    owed = ledger.operator.deliveries(job.id)
    assert [(delivery.destination, delivery.kind) for delivery in owed] == [
        ("pacs", "sr"), ("pacs", "overlay"), ("ris", "notification"),
    ]  # fmt: skip


def test_priority_then_positive_then_the_longest_due(ledger):
    """The order in which one sender is given its batches."""
    for number, positive in ((1, False), (2, True), (3, False)):
        notify(
            ledger,
            series=f"2.25.{number}",
            positive=positive,
            to=("ris", "worklist"),
            at=DONE_AT + number * SECOND,
        )
    order = [
        ledger.delivery.claim_deliveries(
            owner="host:1",
            now=DONE_AT + 99 * SECOND,
            lease=LEASE,
            limit=9,
            priorities={"worklist": 5, "ris": -1},
        )
        for _ in range(6)
    ]
    assert [(batch[0].destination, batch[0].job_id) for batch in order] == [
        ("worklist", 2), ("worklist", 1), ("worklist", 3), ("ris", 2), ("ris", 1), ("ris", 3),
    ]  # fmt: skip


def test_a_newer_notification_supersedes_what_was_not_told(ledger):
    """Of one study, to one destination; whatever was told, or is about another study, stays as it
    is.
    """
    first = notify(ledger, to=("ris", "worklist"))
    other = notify(ledger, series="2.25.2", at=DONE_AT + SECOND)
    second = notify(ledger, revision=2, positive=False, to=("ris",), at=DONE_AT + 30 * SECOND)
    assert ledger.reading.earlier_destinations(second, "notification") == {"ris", "worklist"}
    assert (
        ledger.reading.previous_result(second, "notification").sop_instance_uid
        == f"2.25.8.{second.id}"
    )
    claimed = [delivery for _ in range(5) for delivery in take(ledger, at=DONE_AT + 60 * SECOND)]
    assert sorted((delivery.destination, delivery.job_id) for delivery in claimed) == [
        ("ris", other.id), ("ris", second.id), ("worklist", first.id),
    ]  # fmt: skip
    states_of_first = {
        delivery.destination: delivery.state for delivery in ledger.operator.deliveries(first.id)
    }
    assert states_of_first == {"ris": DeliveryState.SUPERSEDED, "worklist": DeliveryState.SENDING}
