"""After the clock was set back nothing waits for the time that it showed before."""

from ich_node.ledger import JobState
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

HOUR = 3600 * SECOND
LONGEST = 900 * SECOND
BACK = T0 - 3 * HOUR


def shorten(ledger, *, now=BACK):
    return ledger.maintenance.shorten_waits(now=now, longest=LONGEST)


def test_a_series_waits_as_long_as_it_was_to_wait(ledger):
    """The quiet time, from now; an object that arrives later prolongs it by the new clock."""
    add(ledger, 1)
    assert claim(ledger, at=BACK + HOUR) is None
    assert shorten(ledger) == 1
    assert ledger.operator.list()[0].ready_at == BACK + QUIET
    assert shorten(ledger) == 0
    add(ledger, 2, at=BACK + 5 * SECOND)
    assert ledger.operator.list()[0].ready_at == BACK + 5 * SECOND + QUIET
    assert claim(ledger, at=BACK + 5 * SECOND + QUIET).state is JobState.READING


def test_the_lease_of_an_analyser_that_crashed_ends(ledger):
    """After the longest wait, not after three hours."""
    add(ledger, 1)
    claim(ledger)
    assert shorten(ledger) == 1
    assert claim(ledger, at=BACK + LONGEST - SECOND, owner="other") is None
    assert claim(ledger, at=BACK + LONGEST, owner="other").attempts == 2


def test_deliveries_are_due_again(ledger):
    """A postponed delivery is due; one that is being sent, or awaits storage commitment, can be
    claimed again in time.
    """
    add(ledger, 1)
    finish(ledger, claim(ledger), destinations=("a", "b", "c"), count=1)
    held = {delivery.destination: delivery for delivery in claim_all(ledger)}
    now = T0 + QUIET
    ledger.delivery.postpone(
        [held["a"].id], owner="me", now=now, next_at=now + LONGEST, detail="away"
    )
    ledger.delivery.stored(
        [held["b"].id], owner="me", now=now, transaction_uid="2.25.1", answer_by=now + LONGEST
    )
    assert shorten(ledger) == 3
    due = ledger.delivery.claim_deliveries(owner="me", now=BACK, lease=LEASE, limit=9)
    assert [delivery.destination for delivery in due] == ["a"]
    later = BACK + LONGEST
    assert [
        delivery.destination
        for delivery in ledger.delivery.claim_uncommitted(
            owner="me", now=later, lease=LEASE, limit=9
        )
    ] == ["b"]
    assert {delivery.destination for delivery in claim_all(ledger, at=later)} == {"a", "c"}


def claim_all(ledger, *, at=T0 + QUIET):
    claimed = []
    while batch := ledger.delivery.claim_deliveries(owner="me", now=at, lease=LEASE, limit=9):
        claimed += batch
    return claimed


def test_a_correct_clock_changes_nothing(ledger):
    add(ledger, 1)
    add(ledger, 1, series="2.25.2")
    finish(ledger, claim(ledger), destinations=("a",))
    claim_all(ledger)
    assert shorten(ledger, now=T0 + QUIET) == 0
