"""What is wrong, in the order in which it wants a hand, with a sentence and a remedy."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ich_node.config.config import Config
from ich_node.health import Trouble, TroubleKind, services, troubles_now
from ich_node.health.certificates import certificates
from ich_node.health.sentences import _words, remedy_of, sentence_of
from ich_node.health.services import SERVICES
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.measurements import DRIFT
from tests.support.certificates import authority
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish
from tests.support.node import opened_ledger

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
READY = T0 + QUIET
NOW = T0 + HOUR
PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
DRIFTED = {
    "bundle_sha256": "b" * 64,
    "has_drifted": True,
    "since": T0.isoformat(),
    "shift": 0.3,
    "way": "higher",
    "median_recent": 0.4,
    "median_earlier": 0.2,
}


@pytest.fixture
def ledger(tmp_path):
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def config(tmp_path):
    (tmp_path / "spool").mkdir()
    return Config(
        spool={"path": tmp_path / "spool", "reserve_bytes": 0, "watermark_percent": 100},
        database={"url": f"sqlite:///{tmp_path}/ledger.sqlite"},
        destinations=[PACS],
    )


def beat(ledger, service, *, at=NOW, **values):
    heartbeat = Heartbeat(
        host="node", service=service, pid=7, version="1", started_at=T0, beat_at=at, is_ready=True
    )
    ledger.heartbeats.beat(replace(heartbeat, **values))


def all_beat(ledger, *, at=NOW):
    for service in SERVICES:
        beat(ledger, service, at=at)


def told(ledger, config, now=NOW):
    return [(each.kind, each.subject) for each in troubles_now(ledger, config, now)]


def test_a_node_that_is_well(ledger, config):
    all_beat(ledger)
    add(ledger, at=NOW)
    assert troubles_now(ledger, config, NOW) == []
    assert [(each.service, each.is_up, each.is_ready) for each in services(ledger, NOW)] == [
        (service, True, True) for service in SERVICES
    ]


def test_a_new_node_is_not_in_trouble(ledger, config):
    """Nothing was ever started, so nothing is missed."""
    assert troubles_now(ledger, config, NOW) == []
    assert [each.is_up for each in services(ledger, NOW)] == [False] * 3


def test_service_without_heartbeat(ledger, config):
    """It is down after a minute, and a trouble after two: a restart is none."""
    all_beat(ledger)
    beat(ledger, "analyse", at=NOW - MINUTE - SECOND)
    assert [each.service for each in services(ledger, NOW) if not each.is_up] == ["analyse"]
    assert told(ledger, config) == []
    beat(ledger, "analyse", at=NOW - 2 * MINUTE - SECOND)
    (trouble,) = troubles_now(ledger, config, NOW)
    assert (trouble.kind, trouble.subject, trouble.since) == (
        TroubleKind.SERVICE_DOWN,
        "analyse",
        NOW - 2 * MINUTE - SECOND,
    )
    assert sentence_of(trouble) == "The service analyse does not run."
    beat(ledger, "analyse", pid=8, host="other")
    assert told(ledger, config) == []


def test_container_that_was_replaced(ledger, config):
    """Its name never comes back: what was killed, of an older version too, is no trouble as long as
    another does its work, however long its last heartbeat is kept.
    """
    for service in SERVICES:
        beat(ledger, service, host="ich-node-7f9c-x2x4q", version="0", at=NOW)
    for later in (MINUTE, 2 * MINUTE, HOUR, 25 * HOUR):
        for service in SERVICES:
            beat(ledger, service, host="ich-node-58d7-kk9wz", at=NOW + later)
        assert told(ledger, config, NOW + later) == []
        assert all(each.is_ready for each in services(ledger, NOW + later))


def test_service_that_was_ended(ledger, config):
    """It is missed, too, but not while it is started again."""
    all_beat(ledger)
    ledger.heartbeats.end(host="node", service="send", pid=7)
    ledger.measurements.keep("ended send", {}, now=NOW)
    assert told(ledger, config, NOW + 2 * MINUTE - SECOND) == []
    all_beat(ledger, at=NOW + 3 * MINUTE)
    ledger.heartbeats.end(host="node", service="send", pid=7)
    assert told(ledger, config, NOW + 3 * MINUTE) == [(TroubleKind.SERVICE_DOWN, "send")]


def test_service_that_never_started(ledger, config):
    beat(ledger, "receive", started_at=NOW - MINUTE)
    assert told(ledger, config) == []
    beat(ledger, "receive", started_at=NOW - 3 * MINUTE)
    assert told(ledger, config) == [
        (TroubleKind.SERVICE_DOWN, "analyse"),
        (TroubleKind.SERVICE_DOWN, "send"),
    ]


def test_disk(ledger, config):
    """Below the reserve objects are refused; a disk that removing does not empty will be full."""
    all_beat(ledger)
    spool = config.spool
    for change in ({"reserve_bytes": 10**18}, {"watermark_percent": -200.0}):
        full = config.model_copy(update={"spool": spool.model_copy(update=change)})
        (trouble,) = troubles_now(ledger, full, NOW)
        assert (trouble.kind, trouble.subject) == (TroubleKind.DISK_FULL, "spool")
        assert "The disk of the spool has " in sentence_of(trouble)


def test_series(ledger, config):
    """A head that waits, one that failed and one whose reader was killed."""
    all_beat(ledger)
    add(ledger, series="2.25.1")
    add(ledger, series="2.25.2")
    add(ledger, series="2.25.3")
    add(ledger, series="2.25.4")
    finish(ledger, claim(ledger))
    job = claim(ledger)
    ledger.reading.fail(job, now=READY, reason="crashed", detail="KeyError", retry_at=None)
    claim(ledger, at=READY)
    claim(ledger, at=READY)
    claim(ledger, at=READY + LEASE)
    finish(ledger, claim(ledger, at=READY + LEASE))
    found = troubles_now(ledger, config, NOW)
    assert [(each.kind, each.subject) for each in found] == [
        (TroubleKind.HEAD_OVERDUE, "job 3"),
        (TroubleKind.SERIES_FAILED, "job 2"),
        (TroubleKind.READER_KILLED, "job 3"),
        (TroubleKind.READER_KILLED, "job 4"),
    ]
    assert sentence_of(found[0]) == "Job 3 has waited for its answer for 60 min."
    assert sentence_of(found[1]) == "Job 2 could not be analysed (crashed)."
    assert "ich-node jobs retry 2" in remedy_of(found[1])
    an_hour_later = told(ledger, config, READY + LEASE + HOUR + SECOND)
    assert TroubleKind.READER_KILLED not in [kind for kind, _ in an_hour_later]


def test_deliveries(ledger, config):
    all_beat(ledger)
    add(ledger)
    finish(ledger, claim(ledger))
    given = {"owner": "s", "now": READY}
    claimed = ledger.delivery.claim_deliveries(lease=LEASE, limit=9, **given)
    ids = [each.id for each in claimed]
    ledger.delivery.give_up(ids, detail="refused", **given)
    (trouble,) = troubles_now(ledger, config, NOW)
    assert (trouble.kind, trouble.subject, trouble.since) == (
        TroubleKind.DELIVERY_FAILED,
        "job 1, pacs",
        READY,
    )
    assert sentence_of(trouble) == (
        "2 results of job 1 could not be delivered to pacs and are not tried again."
    )


def test_destination(ledger, config):
    """It is missed after 15 minutes, unless it is paused or not configured any more."""
    all_beat(ledger)
    down = {"is_up": False, "detail": "connection refused"}
    ledger.destination_states.answered("pacs", now=NOW - 15 * MINUTE, **down)
    ledger.destination_states.answered("old", now=NOW - HOUR, **down)
    assert told(ledger, config, NOW - SECOND) == []
    (trouble,) = troubles_now(ledger, config, NOW)
    assert (trouble.kind, trouble.subject) == (TroubleKind.DESTINATION_DOWN, "pacs")
    assert sentence_of(trouble) == (
        "The destination pacs has not answered for 15 min: connection refused."
    )
    ledger.pauses.pause("to pacs", now=NOW, until=None, who="ada", why="its update")
    assert told(ledger, config) == []


def test_certificate(ledger, config, tmp_path):
    """That of the listener and that of the site, before they end and when they cannot be used."""
    all_beat(ledger)
    certificate = authority(tmp_path / "ca").issue("/CN=node", days=40).certificate
    update = {"web": config.web.model_copy(update={"certificate": certificate})}
    config = config.model_copy(update=update)
    ends = certificates(config)[0].ends
    all_beat(ledger, at=ends)
    assert told(ledger, config, ends - timedelta(days=30)) == []
    (trouble,) = troubles_now(ledger, config, ends - timedelta(days=29))
    assert (trouble.kind, trouble.subject) == (TroubleKind.CERTIFICATE_EXPIRES, "web")
    assert sentence_of(trouble) == (
        f"The certificate of [web] expires on {ends.astimezone():%Y-%m-%d}."
    )
    certificate.write_text("nothing")
    (trouble,) = troubles_now(ledger, config, ends - timedelta(days=30))
    assert "cannot be used" in sentence_of(trouble)


def test_scores(ledger, config):
    all_beat(ledger)
    ledger.measurements.keep(DRIFT, DRIFTED, now=NOW)
    (trouble,) = troubles_now(ledger, config, NOW)
    assert (trouble.kind, trouble.subject, trouble.since) == (
        TroubleKind.SCORES_DRIFTED,
        "b" * 64,
        T0,
    )
    assert sentence_of(trouble) == (
        "The scores of the model are higher than before: median 0.40, before 0.20."
    )
    ledger.measurements.keep(DRIFT, {**DRIFTED, "has_drifted": False}, now=NOW)
    assert told(ledger, config) == []


def test_hosts_that_were_left_out_of_an_upgrade(ledger, config):
    """After a day, since when the second version came; a process that has ended does not count."""
    came = T0 + 2 * HOUR
    for service in SERVICES:
        beat(ledger, service, version="1", at=came + 25 * HOUR)
        beat(ledger, service, version="2", host="new", started_at=came, at=came + 25 * HOUR)
    assert troubles_now(ledger, config, came + 23 * HOUR) == []
    (trouble,) = troubles_now(ledger, config, came + 25 * HOUR)
    assert (trouble.kind, trouble.since) == (TroubleKind.VERSIONS_DIFFER, came)
    assert sentence_of(trouble) == (
        "Processes of different versions have run side by side for 25 h: 1: analyse on node,"
        " receive on node, send on node; 2: analyse on new, receive on new, send on new."
    )
    for service in SERVICES:
        beat(ledger, service, version="2", host="new", started_at=came, at=came + 26 * HOUR)
    assert troubles_now(ledger, config, came + 26 * HOUR) == []


def test_what_is_left_out_is_counted(ledger, config):
    """Twenty of a kind are listed."""
    all_beat(ledger)
    for number in range(23):
        add(ledger, series=f"2.25.{number + 1}", at=T0 + number * SECOND)
    found = troubles_now(ledger, config, NOW)
    assert len(found) == 21
    assert sentence_of(found[-1]) == "3 more series wait for their answer for too long."


def test_every_kind_has_words():
    assert set(_words()) == set(TroubleKind)
    for kind, words in _words().items():
        assert {"sentence", "remedy"} <= set(words), kind
        others = set(words) - {"sentence", "remedy"}
        assert {f"{name}_remedy" for name in others if not name.endswith("_remedy")} <= others


def test_a_fact_that_is_missing_is_an_error():
    """A sentence is never told with a hole."""
    with pytest.raises(KeyError):
        sentence_of(Trouble(kind=TroubleKind.DISK_FULL, subject="spool", since=NOW))
