"""A clock that is put back: nothing waits for the time that it showed before."""

from ich_node.ledger import JobState
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

HOUR = 3600 * SECOND
LONGEST = 900 * SECOND
BACK = T0 - 3 * HOUR


def mend(jobs, *, now=BACK):
    return jobs.shorten_waits(now=now, longest=LONGEST)


def test_a_series_waits_as_long_as_it_was_to_wait(jobs):
    """Its quiet time, from now; what arrives later prolongs it by the new clock."""
    add(jobs, 1)
    assert claim(jobs, at=BACK + HOUR) is None
    assert mend(jobs) == 1
    assert jobs.list()[0].ready_at == BACK + QUIET
    assert mend(jobs) == 0
    add(jobs, 2, at=BACK + 5 * SECOND)
    assert jobs.list()[0].ready_at == BACK + 5 * SECOND + QUIET
    assert claim(jobs, at=BACK + 5 * SECOND + QUIET).state is JobState.READING


def test_the_lease_of_a_reader_that_died_ends(jobs):
    """Not after three hours."""
    add(jobs, 1)
    claim(jobs)
    assert mend(jobs) == 1
    assert claim(jobs, at=BACK + LONGEST - SECOND, owner="other") is None
    assert claim(jobs, at=BACK + LONGEST, owner="other").attempts == 2


def test_deliveries_are_due_again(jobs):
    """What was postponed goes out; what is being sent, or awaits the word of its peer, is taken back in time."""
    add(jobs, 1)
    finish(jobs, claim(jobs), destinations=("a", "b", "c"), count=1)
    held = {delivery.destination: delivery for delivery in claim_all(jobs)}
    now = T0 + QUIET
    jobs.postpone([held["a"].id], owner="me", now=now, next_at=now + LONGEST, detail="away")
    jobs.stored([held["b"].id], owner="me", now=now, transaction_uid="2.25.1", answer_by=now + LONGEST)
    assert mend(jobs) == 3
    due = jobs.claim_deliveries(owner="me", now=BACK, lease=LEASE, limit=9)
    assert [delivery.destination for delivery in due] == ["a"]
    later = BACK + LONGEST
    assert [delivery.destination for delivery in jobs.claim_uncommitted(owner="me", now=later, lease=LEASE, limit=9)] == ["b"]
    assert {delivery.destination for delivery in claim_all(jobs, at=later)} == {"a", "c"}


def claim_all(jobs, *, at=T0 + QUIET):
    claimed = []
    while batch := jobs.claim_deliveries(owner="me", now=at, lease=LEASE, limit=9):
        claimed += batch
    return claimed


def test_a_clock_that_goes_right_changes_nothing(jobs):
    add(jobs, 1)
    add(jobs, 1, series="2.25.2")
    finish(jobs, claim(jobs), destinations=("a",))
    claim_all(jobs)
    assert mend(jobs, now=T0 + QUIET) == 0
