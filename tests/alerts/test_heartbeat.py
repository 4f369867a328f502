"""The heartbeat comes while receive, analyse and send run, and stays away while one is down."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ich_node.alerts import HeartbeatSender
from ich_node.alerts.heartbeat import ask
from ich_node.config.alerts import HeartbeatSettings
from ich_node.config.config import Config
from ich_node.errors import ConfigError, PeerUnavailable, Unavailable
from ich_node.health import Trouble, TroubleKind
from ich_node.health.troubles import troubles_now
from ich_node.ledger.heartbeats import Heartbeat
from tests.support.node import opened_ledger
from tests.support.standing_clock import START
from tests.support.web_receiver import web_receiver

MINUTE = timedelta(minutes=1)


def trouble(kind, subject):
    return Trouble(kind=kind, subject=subject, since=START)


@pytest.mark.parametrize(
    ("troubles", "is_sent"),
    [
        ([], True),
        ([trouble(TroubleKind.DISK_FULL, "spool")], True),
        ([trouble(TroubleKind.SERVICE_DOWN, "web")], True),
        ([trouble(TroubleKind.SERVICE_DOWN, "receive")], False),
        ([trouble(TroubleKind.SERVICE_DOWN, "analyse")], False),
        ([trouble(TroubleKind.SERVICE_DOWN, "send")], False),
    ],
)
def test_it_is_sent_only_while_the_services_run(troubles, is_sent):
    with web_receiver() as service:
        sender = HeartbeatSender(
            settings=HeartbeatSettings(url=service.url), find=lambda _: troubles
        )
        with capture_logs() as log:
            for _ in range(2):
                sender.run(START)
                sender.background.wait(30)
    assert [each.method for each in service.requests] == ["GET", "GET"] * is_sent
    assert [each["event"] for each in log] == ["heartbeat_withheld"] * (not is_sent)


def test_it_stays_away_when_a_service_falls_silent(tmp_path):
    """With the heartbeats of the real services in the ledger: two minutes after the last one."""
    with web_receiver() as service, opened_ledger(f"sqlite:///{tmp_path}/l.sqlite") as ledger:
        now = datetime.now(UTC)
        config = Config(spool={"path": tmp_path / "spool"})
        sender = HeartbeatSender(
            settings=HeartbeatSettings(url=service.url),
            find=lambda now: troubles_now(ledger, config, now),
        )
        sent = []
        for minute in range(5):
            for name in ("receive", "analyse", "send"):
                if name == "analyse" and minute > 0:
                    continue
                ledger.heartbeats.beat(
                    Heartbeat(
                        host="ich1",
                        service=name,
                        pid=7,
                        version="1",
                        started_at=now,
                        beat_at=now + minute * MINUTE,
                        is_ready=True,
                    )
                )
            sender.run(now + minute * MINUTE)
            sender.background.wait(30)
            sent.append(len(service.requests))
    assert sent == [1, 2, 3, 3, 3]


def test_without_the_ledger_nothing_is_sent():
    def away(_now):
        raise Unavailable("away")

    with web_receiver() as service:
        sender = HeartbeatSender(settings=HeartbeatSettings(url=service.url), find=away)
        with pytest.raises(Unavailable):
            sender.run(START)
        sender.background.wait(30)
    assert service.requests == []


def test_a_service_that_does_not_answer_is_logged_once(tmp_path):
    """And once that it does again; a URL from a file is never in the log."""
    path = tmp_path / "url"
    with web_receiver() as service, capture_logs() as log:
        path.write_text(f"{service.url}/geheim\n")
        sender = HeartbeatSender(settings=HeartbeatSettings(url_file=path), find=lambda _: [])
        for status in (200, 500, 500, 200):
            service.answer = lambda _, status=status: (status, {}, b"OK")
            sender.run(START)
            sender.background.wait(30)
    assert [request.path for request in service.requests] == ["/hook/geheim"] * 4
    assert [each["event"] for each in log] == ["heartbeat_failed", "heartbeat_sent_again"]
    assert "geheim" not in str(log)


def test_the_answer_is_said_in_words(tmp_path):
    path = tmp_path / "url"
    with web_receiver() as service:
        service.answer = lambda _: (200, {}, b"OK (not found)")
        path.write_text(service.url)
        said = ask(HeartbeatSettings(url_file=path))
        assert said.endswith("answers 200 (OK (not found))")
        service.answer = lambda _: (404, {}, b"")
        with pytest.raises(PeerUnavailable, match="answers 404"):
            ask(HeartbeatSettings(url_file=path))
    path.write_text("geheim")
    with pytest.raises(ConfigError, match="must hold one URL") as told:
        ask(HeartbeatSettings(url_file=path))
    assert "geheim" not in told.value.detail
