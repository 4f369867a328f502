"""Troubles are told by real channels: once, in a digest, retried, and nobody waits for another."""

import base64
import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ich_node.alerts import IncidentWatch
from ich_node.alerts.message import Origin
from ich_node.config.alerts import WebhookAlert
from ich_node.errors import Unavailable
from ich_node.health import Trouble, TroubleKind
from ich_node.ledger import Ledger
from tests.support.node import opened_ledger
from tests.support.peers import free_port
from tests.support.standing_clock import Clock
from tests.support.web_receiver import web_receiver

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(kw_only=True)
class Watched:
    """A node whose troubles a test decides. watch: the task of one `send`."""

    ledger: Ledger
    folder: Path
    clock: Clock = field(default_factory=Clock)
    troubles: list[Trouble] = field(default_factory=list)
    watch: Any = None

    def alert(self, url: str, name: str = "it", **settings: Any) -> WebhookAlert:
        secret = self.folder / "secret"
        secret.write_text(base64.b64encode(bytes(range(32))).decode())
        return WebhookAlert(name=name, kind="webhook", url=url, secret_file=secret, **settings)

    def process(self, *alerts: WebhookAlert, owner: str = "me") -> IncidentWatch:
        return IncidentWatch(
            ledger=self.ledger,
            alerts=alerts,
            origin=Origin(host="ich1", site=""),
            owner=owner,
            clock=self.clock,
            ticks=self.clock.ticks,
            find=lambda _now: self.troubles,
        )

    def pass_time(self, time: timedelta, *processes: IncidentWatch) -> None:
        """The task runs; all that it tells is told."""
        self.clock.now += time
        for process in processes:
            process.run(self.clock.now)
        for process in processes:
            process.background.wait(30)

    def down(self, name: str = "pacs") -> Trouble:
        return Trouble(
            kind=TroubleKind.DESTINATION_DOWN,
            subject=name,
            since=self.clock.now,
            facts={"destination": name, "seconds": 900, "detail": "no answer"},
        )

    def failed(self, job: int) -> Trouble:
        return Trouble(
            kind=TroubleKind.DELIVERY_FAILED,
            subject=f"job {job}, pacs",
            since=self.clock.now,
            facts={"job": job, "destination": "pacs", "objects": 2},
        )


@pytest.fixture
def watched(tmp_path):
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        yield Watched(ledger=ledger, folder=tmp_path)


def news_of(request):
    """What a request tells: subjects that begin, that end, and that have passed."""
    data = request.json["data"]
    return [[each["subject"] for each in data[name]] for name in ("begun", "ended", "passed")]


def test_a_trouble_is_told_when_it_begins_and_when_it_ends(watched):
    with web_receiver() as service:
        process = watched.process(watched.alert(service.url))
        watched.troubles = [watched.down()]
        for _ in range(3):
            watched.pass_time(10 * SECOND, process)
        watched.troubles = []
        watched.pass_time(20 * MINUTE, process)
        watched.pass_time(MINUTE, process)
    assert [news_of(each) for each in service.requests] == [
        [["pacs"], [], []],
        [[], ["pacs"], []],
    ]


def test_two_hundred_dead_letters_are_one_message(watched):
    """What follows within ten minutes is one more."""
    with web_receiver() as service:
        process = watched.process(watched.alert(service.url))
        watched.troubles = [watched.failed(job) for job in range(200)]
        watched.pass_time(10 * SECOND, process)
        for job in range(200, 230):
            watched.troubles.append(watched.failed(job))
            watched.pass_time(10 * SECOND, process)
        assert len(service.requests) == 1
        watched.pass_time(10 * MINUTE, process)
    assert [len(request.json["data"]["begun"]) for request in service.requests] == [200, 30]
    text = service.requests[0].json["data"]["text"]
    assert "* And 195 more like these." in text
    assert len(text) < 2000


def test_two_hosts_tell_it_once(watched):
    """Their tasks run at the same time, on one ledger."""
    with web_receiver() as service:
        alert = watched.alert(service.url, at_most_every_minutes=0)
        one, other = watched.process(alert, owner="a:1"), watched.process(alert, owner="b:2")
        for number in range(5):
            watched.troubles.append(watched.down(f"pacs{number}"))
            threads = [
                threading.Thread(target=each.run, args=(watched.clock.now,))
                for each in (one, other)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            one.background.wait(30)
            other.background.wait(30)
            watched.clock.now += 10 * SECOND
    begun = [subject for request in service.requests for subject in news_of(request)[0]]
    assert sorted(begun) == [f"pacs{number}" for number in range(5)]


def test_a_channel_that_fails_is_tried_again_with_all_that_happened(watched):
    """After 30 s, 1 min, 2 min; the log says each time why, and the others are told at once."""
    with web_receiver() as service, web_receiver() as sound:
        service.answer = lambda _: (500, {}, b"")
        process = watched.process(
            watched.alert(service.url, name="broken"), watched.alert(sound.url, name="sound")
        )
        watched.troubles = [watched.down()]
        with capture_logs() as log:
            for _ in range(22):  # 220 s
                watched.pass_time(10 * SECOND, process)
        waits = [each["again_in_seconds"] for each in log if each["event"] == "alert_not_told"]
        assert waits == [30, 60, 120, 240]
        assert len(sound.requests) == 1
        (broken, _) = watched.ledger.notices.channels()
        assert broken.attempts == 4
        assert broken.detail.endswith("answers 500: it has a problem of its own")
        service.answer = lambda _: (204, {}, b"")
        watched.troubles = [watched.down("ris")]
        watched.pass_time(5 * MINUTE, process)
        assert news_of(service.requests[-1]) == [["ris"], [], ["pacs"]]
        (broken, _) = watched.ledger.notices.channels()
        assert (broken.attempts, broken.failing_since, broken.detail) == (0, None, "")


def test_a_service_that_never_answers_delays_nobody(watched):
    """Neither the task nor the other alert waits; after two minutes it counts as a failure."""
    release = threading.Event()
    with web_receiver() as tarpit, web_receiver() as sound:
        tarpit.answer = lambda _: (release.wait(30) and 204, {}, b"")
        process = watched.process(
            watched.alert(tarpit.url, name="slow"), watched.alert(sound.url, name="sound")
        )
        watched.troubles = [watched.down()]
        process.run(watched.clock.now)
        while not sound.requests or process.background.is_busy("sound"):
            threading.Event().wait(0.01)
        watched.clock.now += 3 * MINUTE
        with capture_logs() as log:
            process.run(watched.clock.now)
        release.set()
        process.background.wait(30)
        assert [each["detail"] for each in log if each["event"] == "alert_not_told"] == [
            "telling it does not come to an end"
        ]
        (slow, _) = watched.ledger.notices.channels()
        assert slow.attempts == 1


def test_a_missing_secret_is_a_failure_and_not_the_end_of_the_task(watched):
    alert = watched.alert(f"http://127.0.0.1:{free_port()}/")
    process = watched.process(alert)
    alert.secret_file.unlink()
    watched.troubles = [watched.down()]
    watched.pass_time(SECOND, process)
    (channel,) = watched.ledger.notices.channels()
    assert channel.detail.startswith("[[alerts]] it: secret_file: cannot read")


def test_incidents_are_kept_where_nobody_is_told(watched):
    process = watched.process()
    watched.troubles = [watched.down()]
    with capture_logs() as log:
        watched.pass_time(SECOND, process)
        watched.troubles = []
        watched.pass_time(2 * MINUTE, process)
    assert [each.subject for each in watched.ledger.incidents.ended(limit=9)] == ["pacs"]
    assert [(each["event"], each["subject"]) for each in log] == [
        ("incident_began", "pacs"),
        ("incident_ended", "pacs"),
    ]


def test_a_ledger_that_does_not_answer_ends_nothing(watched):
    """Without it nobody knows what is wrong: incidents go on."""
    process = watched.process()
    watched.troubles = [watched.down()]
    watched.pass_time(SECOND, process)

    def away(_now):
        raise Unavailable("away")

    process._find = away
    with pytest.raises(Unavailable):
        process.run(watched.clock.now + 5 * MINUTE)
    assert len(watched.ledger.incidents.running()) == 1


def test_a_message_is_json(watched):
    """Facts of every trouble can be written."""
    with web_receiver() as service:
        watched.troubles = [watched.down()]
        watched.pass_time(SECOND, watched.process(watched.alert(service.url)))
    assert json.loads(service.requests[0].body)["type"] == "alert.troubles"
