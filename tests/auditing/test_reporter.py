"""The journal is sent to a real audit record repository: in order, nothing lost, over UDP, TCP and
TLS.
"""

import os
import re
import ssl
from datetime import timedelta

import pytest
from lxml import etree
from structlog.testing import capture_logs

from ich_node.auditing import AuditReporter, AuditSource, Repository
from ich_node.auditing import reporter as batches
from ich_node.auditing import syslog as transport
from ich_node.config.settings import TlsSettings
from ich_node.config.web import AuditSettings
from ich_node.ledger.audit import LOOK
from tests.auditing.test_message import SCHEMA, STUDY
from tests.support.certificates import authority
from tests.support.node import opened_ledger
from tests.support.peers import free_port, wait_until
from tests.support.standing_clock import START
from tests.support.syslog_receiver import syslog_receiver

SOURCE = AuditSource(ae_title="ICHNODE", host="node1")
SECOND = timedelta(seconds=1)
HEADER = re.compile(
    r"<(\d+)>1 2026-01-01T12:00:\d\d\.\d{3}\+00:00 node1 ich-node (\d+) DICOM\+RFC3881 - \ufeff(.+)"
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with opened_ledger(f"sqlite:///{tmp_path_factory.mktemp('audit')}/ledger.sqlite") as ledger:
        yield ledger


@pytest.fixture
def audit(ledger):
    """The journal without events."""
    ledger.audit.report_none(now=START)
    ledger.audit.prune(before=START + timedelta(days=1), limit=1000)
    return ledger.audit


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("tls") / "ca")


def record(audit, *jobs, outcome="done"):
    for job in jobs:
        audit.record(
            at=START + job * SECOND,
            who="Ada",
            address="10.1.2.3",
            action=LOOK,
            target=f"job {job}",
            study_instance_uid=STUDY,
            outcome=outcome,
        )


def reporter(audit, address, *, ca=None, tls=None):
    settings = AuditSettings(syslog=address, ca=ca)
    repository = Repository(settings=settings, tls=tls or TlsSettings()) if address else None
    return AuditReporter(ledger=audit, source=SOURCE, repository=repository)


def jobs(receiver):
    """Of the received messages; each is checked."""
    found = []
    for data in receiver.received:
        priority, pid, text = HEADER.fullmatch(data.decode()).groups()
        assert priority == "85"  # authorization, notice
        assert int(pid) == os.getpid()
        root = etree.fromstring(text)
        assert SCHEMA.validate(root), SCHEMA.error_log
        found.append(root.findtext(".//ParticipantObjectName"))
    return found


def server_tls(ca, **asked):
    made = ca.issue("/CN=audit", name="audit", **asked)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


def test_events_arrive_once_and_in_order_over_tcp(audit, monkeypatch):
    """In several connections; a second run sends nothing."""
    monkeypatch.setattr(batches, "MOST_IN_ONE_CONNECTION", 5)
    record(audit, *range(12))
    with syslog_receiver() as receiver:
        ours = reporter(audit, f"tcp://127.0.0.1:{receiver.port}")
        assert ours.report(START) == 12
        assert ours.report(START) == 0
    assert jobs(receiver) == [f"job {number}" for number in range(12)]
    assert receiver.connections == 3


def test_events_arrive_over_udp(audit):
    """One datagram each."""
    record(audit, 1, 2)
    with syslog_receiver(udp=True) as receiver:
        assert reporter(audit, f"udp://127.0.0.1:{receiver.port}").report(START) == 2
        wait_until(lambda: len(receiver.received) == 2)
    assert jobs(receiver) == ["job 1", "job 2"]


def test_events_arrive_over_tls(audit, ca):
    """The server's certificate is of the CA and has its address; ours is shown if it asks."""
    record(audit, 1, 2)
    context = server_tls(ca)
    context.load_verify_locations(ca.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    own = ca.issue("/CN=node", name="node")
    tls = TlsSettings(port=2762, certificate=own.certificate, key=own.key, ca=ca.ca)
    with syslog_receiver(context=context) as receiver:
        ours = reporter(audit, f"tls://127.0.0.1:{receiver.port}", ca=ca.ca, tls=tls)
        assert ours.report(START) == 2
    assert jobs(receiver) == ["job 1", "job 2"]


def test_a_server_with_another_certificate_gets_nothing(audit, ca, tmp_path):
    """Events wait, and the log says why."""
    record(audit, 1)
    strangers = authority(tmp_path / "strangers")
    with syslog_receiver(context=server_tls(strangers)) as receiver, capture_logs() as lines:
        ours = reporter(audit, f"tls://127.0.0.1:{receiver.port}", ca=ca.ca)
        assert ours.report(START) == 0
    assert receiver.received == []
    assert [line["event"] for line in lines] == ["audit_repository_unavailable"]
    assert "certificate refused" in lines[0]["detail"]


def test_a_ca_that_is_missing_is_said(audit, tmp_path):
    """In a sentence of the log, not as a bug."""
    record(audit, 1)
    with syslog_receiver() as receiver, capture_logs() as lines:
        ours = reporter(audit, f"tls://127.0.0.1:{receiver.port}", ca=tmp_path / "none.pem")
        assert ours.report(START) == 0
    assert "none.pem" in lines[0]["detail"]


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_nothing_is_lost_while_the_server_is_down(audit, scheme):
    """One line when it is away and one when it is back; then everything comes, in order."""
    port = free_port()
    ours = reporter(audit, f"{scheme}://127.0.0.1:{port}")
    with capture_logs() as lines:
        record(audit, 1)
        assert ours.report(START) == 0
        record(audit, 2)
        assert ours.report(START + SECOND) == 0
        with syslog_receiver(port=port, udp=scheme == "udp") as receiver:
            assert ours.report(START + 2 * SECOND) == 2
            wait_until(lambda: len(receiver.received) == 2)
    assert jobs(receiver) == ["job 1", "job 2"]
    assert [line["event"] for line in lines] == [
        "audit_repository_unavailable",
        "audit_repository_available",
    ]


def test_a_connection_that_is_dropped_counts_for_nothing(audit):
    """A server that dies without reading has no event, although every byte could be written."""
    record(audit, *range(5))
    with syslog_receiver(drops=True) as receiver:
        ours = reporter(audit, f"tcp://127.0.0.1:{receiver.port}")
        assert ours.report(START) == 0
        receiver.drops = False
        assert ours.report(START) == 5
    assert len(jobs(receiver)) == 5


def test_a_server_that_keeps_the_connection_open_has_what_its_system_confirmed(audit, monkeypatch):
    """It does not get the same events again and again."""
    monkeypatch.setattr(transport, "SECONDS", 0.2)
    record(audit, 1)
    with syslog_receiver(never_closes=True) as receiver:
        assert reporter(audit, f"tcp://127.0.0.1:{receiver.port}").report(START) == 1
        wait_until(lambda: receiver.received)
    assert jobs(receiver) == ["job 1"]


def test_two_hosts_do_not_report_the_same_events(audit):
    """While one sends, the other waits; if it dies, the other takes over after the lease."""
    record(audit, 1, 2)
    lease = 60 * SECOND
    assert len(audit.claim_unreported(now=START, lease=lease)) == 2
    with syslog_receiver() as receiver:
        other = reporter(audit, f"tcp://127.0.0.1:{receiver.port}")
        record(audit, 3)
        assert other.report(START + 59 * SECOND) == 0
        assert other.report(START + lease) == 3
    assert jobs(receiver) == ["job 1", "job 2", "job 3"]


def test_without_a_repository_nothing_piles_up(audit):
    """Events count as reported, so that one that is named later gets those from then on."""
    record(audit, 1, 2)
    reporter(audit, None).begin(START)
    assert audit.unreported() == (0, None)
    record(audit, 3)
    with syslog_receiver() as receiver:
        reporter(audit, f"tcp://127.0.0.1:{receiver.port}").begin(START)
        wait_until(lambda: audit.unreported() == (0, None))
    assert jobs(receiver) == ["job 3"]
