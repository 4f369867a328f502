"""Destinations are asked once a minute whether they answer, unless they just took a result."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ich_node.config.destinations import Destination, WebhookDestination
from ich_node.deliver.watch import TOOK_SOMETHING, DestinationWatch
from tests.support.node import open_node
from tests.support.peers import free_port, pacs
from tests.support.sending import SendingNode, pacs_at
from tests.support.web_receiver import web_receiver

SECOND = timedelta(seconds=1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SendingNode]:
    with open_node(tmp_path, SendingNode) as opened:
        yield opened


def watch_of(node: SendingNode, *destinations: Destination) -> DestinationWatch:
    return DestinationWatch(
        ledger=node.ledger.destination_states,
        destinations=destinations,
        calling_ae="ICHNODE",
        clock=node.clock,
    )


def ask(node: SendingNode, watch: DestinationWatch) -> dict[str, bool]:
    """A run of the task, and the answers that came."""
    assert watch.run(node.clock.now) == 0
    watch.wait()
    return {each.destination: each.is_up for each in node.ledger.destination_states.all()}


def test_destinations_are_asked(node):
    """One that is down delays no other; what is known says since when."""
    began = node.clock.now
    with pacs() as peer:
        watch = watch_of(node, *pacs_at(peer.port, free_port()))
        with capture_logs() as log:
            assert ask(node, watch) == {"pacs": True, "pacs2": False}
            node.clock.now += 60 * SECOND
            assert ask(node, watch) == {"pacs": True, "pacs2": False}
        assert [(line["event"], line["destination"]) for line in log] == [
            ("destination_down", "pacs2")
        ]
    up, down = node.ledger.destination_states.all()
    assert (up.since, up.asked_at) == (down.since, down.asked_at) == (began, node.clock.now)
    assert up.detail == "answers C-ECHO to 'ICHNODE'"
    assert "nothing answers at 127.0.0.1" in down.detail
    node.clock.now += 60 * SECOND
    with capture_logs() as log:
        assert ask(node, watch)["pacs"] is False
    assert [line["event"] for line in log] == ["destination_down"]


def test_once_a_minute(node):
    """Also where several processes ask, and however often the task runs."""
    with pacs() as peer:
        watches = [watch_of(node, *pacs_at(peer.port)) for _ in range(2)]
        for _ in range(7):
            for watch in watches:
                ask(node, watch)
            node.clock.now += 10 * SECOND
        assert peer.associations == 2


def test_who_has_taken_something_is_not_asked(node):
    with pacs() as peer:
        destinations = pacs_at(peer.port)
        watch = watch_of(node, *destinations)
        node.finish(3)
        sender = node.sender(*destinations, heard=watch.heard)
        assert sender.send_due() == 3
        node.clock.now += 10 * SECOND
        assert ask(node, watch) == {"pacs": True}
        assert peer.associations == 1
    (state,) = node.ledger.destination_states.all()
    assert (state.detail, state.asked_at) == (TOOK_SOMETHING, node.clock.now - 10 * SECOND)


def test_own_file_that_is_missing(node, tmp_path):
    """A destination that cannot be asked counts as down, with the reason."""
    webhook = WebhookDestination(
        name="it", kind="webhook", url="http://127.0.0.1:1", secret_file=tmp_path / "none"
    )
    assert ask(node, watch_of(node, webhook)) == {"it": False}
    (state,) = node.ledger.destination_states.all()
    assert "secret" in state.detail


def test_a_webhook_gets_no_request(node, tmp_path):
    """It is connected to, over https with the handshake."""
    secret = tmp_path / "secret"
    secret.write_text("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    secret.chmod(0o600)

    def webhook(url: str) -> WebhookDestination:
        return WebhookDestination(name="it", kind="webhook", url=url, secret_file=secret)

    with web_receiver() as receiver:
        assert ask(node, watch_of(node, webhook(receiver.url))) == {"it": True}
        node.clock.now += 60 * SECOND
        https = receiver.url.replace("http:", "https:")
        assert ask(node, watch_of(node, webhook(https))) == {"it": False}
        assert receiver.requests == []
    (state,) = node.ledger.destination_states.all()
    assert "TLS fails" in state.detail
    node.clock.now += 60 * SECOND
    assert ask(node, watch_of(node, webhook(receiver.url))) == {"it": False}
    (state,) = node.ledger.destination_states.all()
    assert "nothing answers: Connection refused" in state.detail


def test_removed_destination_is_forgotten(node):
    node.ledger.destination_states.answered("old", is_up=False, detail="", now=node.clock.now)
    assert ask(node, watch_of(node)) == {}
