"""What an operator does with deliveries, against a real PACS that is away and comes back."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from structlog.testing import capture_logs

from ich_node.deliver.retry import RETRY_FOR
from ich_node.ledger import DeliveryState
from ich_node.ledger.operator_deliveries import DeliveryChoice
from ich_node.ledger.pauses import to_destination
from tests.support.node import open_node
from tests.support.peers import free_port, pacs
from tests.support.sending import SendingNode, pacs_at

HOUR = timedelta(hours=1)
SENT = DeliveryState.SENT


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SendingNode]:
    with open_node(tmp_path, SendingNode) as opened:
        yield opened


def as_bytes(dataset: Dataset) -> bytes:
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_a_retry_is_one_try_while_the_pacs_is_away_and_then_everything_arrives_once(
    node: SendingNode,
) -> None:
    """Five series were given up and five wait: a retry asks the PACS once, however much waits for
    it; when it is back, another retry delivers all of it, ahead of the next try.
    """
    port = free_port()
    sender = node.sender(*pacs_at(port))
    uids = [uid for series in range(1, 6) for uid in node.finish(2, series=series)]
    while set(node.states()) != {DeliveryState.FAILED}:
        node.clock.now += RETRY_FOR
        sender.send_due()
    uids += [uid for series in range(6, 11) for uid in node.finish(2, series=series)]
    sender.send_due()
    assert node.ledger.deliveries.retry(
        DeliveryChoice(destination="pacs"), now=node.clock.now, who="ann"
    ) == {"pacs": 20}
    with capture_logs() as log:
        while sender.send_due():
            pass
    assert [line["event"] for line in log] == ["delivery_postponed"]
    with pacs(port=port) as peer:
        assert sender.send_due() == 0, "postponed again"
        node.ledger.deliveries.retry(
            DeliveryChoice(destination="pacs"), now=node.clock.now, who="ann"
        )
        while sender.send_due():
            pass
    assert sorted(ds.SOPInstanceUID for ds in peer.received) == sorted(uids)
    assert node.states() == [SENT] * 20


def test_a_paused_pacs_gets_nothing_and_loses_nothing(node: SendingNode) -> None:
    """Two days of pause are no tries, and do not count among the 24 hours; then everything arrives
    once.
    """
    with pacs() as peer:
        sender = node.sender(*pacs_at(peer.port))
        end = node.clock.now + 48 * HOUR
        node.ledger.pauses.pause(
            to_destination("pacs"), now=node.clock.now, until=end, who="ann", why=""
        )
        uids = node.finish(3)
        while node.clock.now < end:
            sender.pauses.look(node.clock.now)
            assert sender.send_due() == 0
            node.clock.now += HOUR
        assert peer.associations == 0
        peer.answers[uids[0]] = 0xA700  # it is tried again, not given up
        sender.pauses.look(node.clock.now)
        assert sender.send_due() == 3
        assert node.states() == [DeliveryState.PENDING, SENT, SENT]
        peer.answers.clear()
        node.clock.now += HOUR
        sender.send_due()
    assert [ds.SOPInstanceUID for ds in peer.received] == [*uids[1:], uids[0]]
    assert [delivery.attempts for delivery in node.deliveries()] == [2, 1, 1]


def test_what_is_resent_has_the_same_bytes(node: SendingNode) -> None:
    """The PACS gets the objects of the spool a second time, unchanged."""
    node.finish(3)
    with pacs() as peer:
        sender = node.sender(*pacs_at(peer.port))
        sender.send_due()
        node.ledger.deliveries.resend(1, to=None, now=node.clock.now, who="ann")
        assert sender.send_due() == 3
    first, second = peer.received[:3], peer.received[3:]
    kept = [dcmread(node.spool.absolute(each.path)) for each in node.deliveries()]
    assert [as_bytes(ds) for ds in first] == [as_bytes(ds) for ds in second]
    assert second == kept
    assert node.states() == [SENT] * 3


def test_what_is_cancelled_is_never_sent(node: SendingNode) -> None:
    """Nor is anything else held up by it."""
    node.finish(2, series=1)
    uids = node.finish(2, series=2)
    node.ledger.deliveries.cancel(DeliveryChoice(job_ids=[1]), now=node.clock.now, who="ann")
    with pacs() as peer:
        sender = node.sender(*pacs_at(peer.port))
        while sender.send_due():
            pass
    assert [ds.SOPInstanceUID for ds in peer.received] == uids


def test_what_was_not_confirmed_is_one_event_and_one_line_for_each_destination(
    node: SendingNode,
) -> None:
    """Two archives confirm none of 21 objects in time."""
    node.finish(21, to=("pacs", "pacs2"))
    now, held = node.clock.now, {"owner": "sender", "now": node.clock.now}
    for number in (1, 2):
        batch = node.ledger.delivery.claim_deliveries(**held, lease=HOUR, limit=100)
        ids = [delivery.id for delivery in batch]
        node.ledger.delivery.stored(ids, **held, transaction_uid=f"2.25.{number}", answer_by=now)
    sender = node.sender(*pacs_at(1, 2))
    with capture_logs() as log:
        assert sender.retry_uncommitted() == 42
    lines = [(line["destination"], line["objects"]) for line in log]
    assert sorted(lines) == [("pacs", 21), ("pacs2", 21)]
    tries = [event for event in node.ledger.operator.events(1) if "postponed" in event.event]
    assert sorted(event.detail.split(": ")[0] for event in tries) == [
        "21 objects, pacs",
        "21 objects, pacs2",
    ]
