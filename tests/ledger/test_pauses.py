"""Pauses: who gets nothing meanwhile, how they end, and what still waits."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from ich_node.ledger import DeliveryState, JobState
from ich_node.ledger.backlog import backlog
from ich_node.ledger.pause_watch import PauseWatch
from ich_node.ledger.pauses import READING, RECEIVING, to_destination
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish
from tests.support.node import opened_ledger

NOW = T0 + QUIET + SECOND
HOUR = 3600 * SECOND


@pytest.fixture
def owing(ledger):
    """A job with two results for each of two destinations."""
    add(ledger)
    finish(ledger, claim(ledger), destinations=("pacs", "archive"))
    return ledger


def take(ledger, at):
    return {
        delivery.destination
        for _ in range(3)
        for delivery in ledger.delivery.claim_deliveries(
            owner="host:1", now=at, lease=LEASE, limit=100
        )
    }


def watch_destinations(ledger):
    return PauseWatch(ledger=ledger.pauses, concerns=lambda target: target.startswith("to "))


def test_a_paused_destination_gets_nothing_and_the_others_do(owing):
    """No try is counted; after the end it gets what waits, and is owed it from then on."""
    owing.pauses.pause(to_destination("pacs"), now=NOW, until=None, who="root", why="repair")
    assert take(owing, NOW) == {"archive"}
    end = NOW + 30 * HOUR
    (ended,) = owing.pauses.resume([to_destination("pacs")], now=end, who="root")
    assert (ended.target, ended.since, ended.why) == ("to pacs", NOW, "repair")
    watch_destinations(owing).look(end)
    mine = [each for each in owing.operator.deliveries(1) if each.destination == "pacs"]
    assert {(each.state, each.attempts, each.first_at) for each in mine} == {
        (DeliveryState.PENDING, 0, end)
    }
    assert take(owing, end) == {"pacs", "archive"}


def test_a_pause_with_an_end_ends_by_itself(owing):
    """The sender that sees the end first says so; another one does not say it again."""
    first, second = watch_destinations(owing), watch_destinations(owing)
    owing.pauses.pause(to_destination("pacs"), now=NOW, until=NOW + HOUR, who="root", why="")
    with capture_logs() as log:
        for watch in (first, second):
            watch.look(NOW)
            watch.look(NOW + HOUR - SECOND)
        assert take(owing, NOW + HOUR - SECOND) == {"archive"}
        for watch in (first, second):
            watch.look(NOW + HOUR)
    assert [(line["event"], line["target"], line["who"]) for line in log] == [
        ("paused", "to pacs", "root"),
        ("paused", "to pacs", "root"),
        ("resumed", "to pacs", "root"),
    ]
    assert take(owing, NOW + HOUR) == {"pacs"}


def test_what_awaits_commitment_is_not_taken_back_in_a_pause(owing):
    """A destination that is paused cannot confirm; its objects wait with the others."""
    batch = owing.delivery.claim_deliveries(owner="host:1", now=NOW, lease=LEASE, limit=100)
    ids, name = [each.id for each in batch], batch[0].destination
    owing.delivery.stored(ids, owner="host:1", now=NOW, transaction_uid="2.25.1", answer_by=NOW)
    owing.pauses.pause(to_destination(name), now=NOW, until=None, who="root", why="")
    late = {"owner": "host:1", "now": NOW + HOUR, "lease": LEASE, "limit": 100}
    assert owing.delivery.claim_uncommitted(**late) == []
    owing.pauses.resume([to_destination(name)], now=NOW, who="root")
    watch_destinations(owing).look(NOW)
    assert [each.id for each in owing.delivery.claim_uncommitted(**late)] == ids


def test_a_pause_can_be_prolonged_and_ended_twice(ledger):
    """A second pause keeps the beginning and sets the end; a second end changes nothing."""
    ledger.pauses.pause(READING, now=NOW, until=NOW + SECOND, who="a", why="first")
    ledger.pauses.pause(READING, now=NOW, until=None, who="b", why="second")
    (pause,) = ledger.pauses.in_force(NOW + HOUR)
    assert (pause.since, pause.until, pause.who, pause.why) == (NOW, None, "b", "second")
    assert len(ledger.pauses.resume([READING, RECEIVING], now=NOW + HOUR, who="c")) == 1
    assert ledger.pauses.resume([READING], now=NOW + HOUR, who="c") == []
    assert ledger.pauses.in_force(NOW + HOUR) == []
    ledger.pauses.pause(READING, now=NOW + 2 * HOUR, until=None, who="d", why="")
    assert [each.since for each in ledger.pauses.in_force(NOW + 2 * HOUR)] == [NOW + 2 * HOUR]


def test_each_process_says_once_that_it_is_paused(ledger):
    """It also says so when it starts while the pause is in force; and who ended it."""
    watch = PauseWatch(ledger=ledger.pauses, concerns=lambda target: target == READING)
    with capture_logs() as log:
        ledger.pauses.pause(RECEIVING, now=NOW, until=None, who="root", why="")
        watch.look(NOW)
        ledger.pauses.pause(READING, now=NOW, until=None, who="root", why="")
        watch.look(NOW)
        watch.look(NOW)
        assert watch.is_paused(READING)
        ledger.pauses.resume([READING], now=NOW + HOUR, who="other")
        watch.look(NOW + HOUR)
        watch.look(NOW + HOUR)
    assert not watch.is_paused(READING)
    assert [(line["event"], line["who"]) for line in log] == [
        ("paused", "root"),
        ("resumed", "other"),
    ]


def test_what_still_waits(ledger):
    """Series without an outcome, those not told yet, and objects that are not delivered; not what
    was given up.
    """
    assert backlog(ledger.database).is_empty
    for number in (1, 2, 3):
        add(ledger, series=f"2.25.{number}")
    finish(ledger, claim(ledger), destinations=("pacs",))
    ledger.reading.refuse(claim(ledger), now=NOW, reason="not_head", detail="")
    left = backlog(ledger.database)
    assert (left.series, left.untold, left.objects) == ({JobState.WAITING: 1}, 1, {"pacs": 2})
    batch = ledger.delivery.claim_deliveries(owner="host:1", now=NOW, lease=LEASE, limit=100)
    ids = [each.id for each in batch]
    ledger.delivery.give_up(ids, owner="host:1", now=NOW, detail="away")
    assert backlog(ledger.database).objects == {}


def test_two_operators_may_pause_at_once(url):
    """There is one pause, which the last of them has changed."""
    with opened_ledger(url) as ledger, ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda who: ledger.pauses.pause(READING, now=NOW, until=None, who=who, why=""),
                "abcd",
            )
        )
        assert [each.target for each in ledger.pauses.all()] == [READING]
