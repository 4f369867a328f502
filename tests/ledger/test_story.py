"""What people read of a job: few lines, and what they can do."""

from dataclasses import replace

import pytest

from ich_node.ledger import DeliveryState, JobEvent, JobState, Ledger
from ich_node.ledger.possible import Possible, possible
from ich_node.ledger.story import fates, joined
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish


def event(number: int, name: str, detail: str) -> JobEvent:
    return JobEvent(at=T0 + number * SECOND, event=name, detail=detail)


def test_deliveries_one_after_the_other_are_one_line() -> None:
    """With the time of the last; what comes between divides them."""
    told = joined(
        [
            event(1, "delivered", "1 object, pacs"),
            event(2, "delivered", "1 object, ris"),
            event(3, "delivered", "2 objects, pacs"),
            event(4, "sent again", "3 objects, pacs"),
            event(5, "delivered", "1 object, pacs"),
        ]
    )
    assert told == [
        event(3, "delivered", "3 objects, pacs"),
        event(2, "delivered", "1 object, ris"),
        event(4, "sent again", "3 objects, pacs"),
        event(5, "delivered", "1 object, pacs"),
    ]


@pytest.fixture
def read(sqlite_ledger: Ledger) -> Ledger:
    add(sqlite_ledger)
    finish(sqlite_ledger, claim(sqlite_ledger), destinations=("pacs", "ris"), count=3)
    return sqlite_ledger


def test_objects_share_their_fate(read: Ledger) -> None:
    """What one destination took together is one line."""
    batch = read.delivery.claim_deliveries(owner="a", now=T0 + QUIET, lease=LEASE, limit=9)
    read.delivery.delivered([each.id for each in batch], owner="a", now=T0 + QUIET)
    (sent, owed) = sorted(fates(read.operator.deliveries(1)), key=lambda fate: fate.sent_at is None)
    assert (sent.state, sent.kinds) == (DeliveryState.SENT, ("sr", "overlay", "overlay"))
    assert (sent.sent_at, sent.attempts) == (T0 + QUIET, 1)
    assert (owed.state, owed.attempts, owed.next_at) == (DeliveryState.PENDING, 0, T0 + QUIET)


def what(ledger: Ledger, job_id: int = 1, *, is_swept: bool = False, **values: object) -> Possible:
    job = ledger.operator.get(job_id)
    deliveries = ledger.operator.deliveries(job_id)
    return possible(replace(job, **values), deliveries, is_swept=is_swept)


def test_what_can_be_done_is_what_the_ledger_does(read: Ledger) -> None:
    """In each state."""
    now = what(read)
    assert (now.deliver, now.call_off, now.resend) == (("pacs", "ris"), ("pacs", "ris"), ())
    assert now.withdraw
    assert now.reread
    assert not any((now.retry, now.cancel, now.close, now.release))
    assert not what(read, is_swept=True).reread
    assert not what(read, withdrawn_at=T0).withdraw
    assert not what(read, state=JobState.FAILED, is_swept=True).retry
    assert what(read, state=JobState.FAILED).retry
    assert what(read, state=JobState.HELD).release
    assert what(read, state=JobState.REFUSED, reason="held").release
    assert not what(read, state=JobState.REFUSED, reason="not_ct").release
    waiting = what(read, state=JobState.WAITING)
    assert waiting.cancel
    assert waiting.close
    batch = read.delivery.claim_deliveries(owner="a", now=T0 + QUIET, lease=LEASE, limit=9)
    read.delivery.delivered([each.id for each in batch], owner="a", now=T0 + QUIET)
    assert what(read).resend == (batch[0].destination,)
    assert what(read, withdrawn_at=T0).resend == ()


def test_nothing_can_be_done(sqlite_ledger: Ledger) -> None:
    """With a series that is set aside and has no deliveries."""
    add(sqlite_ledger)
    assert what(sqlite_ledger).anything
    assert not what(sqlite_ledger, state=JobState.SET_ASIDE).anything
