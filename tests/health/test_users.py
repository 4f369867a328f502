"""Which processes still use a ledger that is to be migrated."""

from datetime import timedelta

from ich_node.health.users import LivingUsers
from ich_node.ledger.schema import UserOfLedger
from tests.support.ledger_examples import T0


def user(*, host="a", pid=7, beats=0) -> UserOfLedger:
    beat_at = T0 + timedelta(seconds=10 * beats)
    return UserOfLedger(host=host, service="send", pid=pid, version="1", beat_at=beat_at)


def test_a_heartbeat_that_no_longer_changes_counts_for_a_minute():
    """Whatever the clock of its host says; one that changes counts for as long as it does."""
    seconds = [1000.0]
    users = LivingUsers(clock=lambda: seconds[0])
    lives, dead = user(host="a"), user(host="b")
    assert users.among([lives, dead]) == [lives, dead]
    for beats in range(1, 7):
        seconds[0] += 10
        found = users.among([user(host="a", beats=beats), dead])
    assert found == [user(host="a", beats=6)]
    seconds[0] += 10
    assert users.among([dead]) == []  # the other one has ended as it should
