"""A service's start and end are in the journal, and reach the audit record repository."""

import getpass
import socket
from datetime import UTC, datetime

from lxml import etree

from ich_node.cli.heartbeats import heartbeat
from ich_node.cli.sender_tasks import tasks_of_sender
from ich_node.config.load import load_config
from ich_node.deliver.watch import DestinationWatch
from ich_node.health.heartbeat import Condition
from ich_node.ledger.counts import Tally
from ich_node.spool import Spool
from tests.support.node import opened_ledger
from tests.support.peers import wait_until
from tests.support.syslog_receiver import syslog_receiver


def clock():
    return datetime.now(UTC)


def test_service_is_reported_to_the_repository_by_a_task_of_send(tmp_path):
    """With [audit] syslog in config.toml, and nothing else to do for it."""
    path = tmp_path / "config.toml"
    with syslog_receiver() as receiver, opened_ledger(f"sqlite:///{tmp_path}/l.sqlite") as ledger:
        path.write_text(f'[audit]\nsyslog = "tcp://127.0.0.1:{receiver.port}"\n')
        config = load_config(path).config
        with heartbeat(
            ledger, "receive", Tally(), [], lambda: Condition(is_ready=True), clock=clock
        ):
            pass
        start, stop = ledger.audit.newest()[::-1]
        assert (start.action, stop.action) == ("start", "stop")
        assert (start.target, start.who) == ("receive", getpass.getuser())
        assert start.address == socket.gethostname()

        watch = DestinationWatch(
            ledger=ledger.destination_states, destinations=(), calling_ae="ICHNODE", clock=clock
        )
        tasks = tasks_of_sender(config, ledger, Spool(tmp_path / "spool"), watch, owner="host:1")
        (task,) = [task for task in tasks if task.name == "report_journal"]
        task.run(clock())
        wait_until(lambda: len(receiver.received) == 2)
        wait_until(lambda: ledger.audit.unreported() == (0, None))
    types = [
        etree.fromstring(message.partition(b"\xef\xbb\xbf")[2]).find(".//EventTypeCode")
        for message in receiver.received
    ]
    assert [each.get("originalText") for each in types] == ["Application Start", "Application Stop"]
