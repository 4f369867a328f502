"""The service `send` itself tells what is wrong in its ledger, and its heartbeat comes."""

import subprocess
import sys

from ich_node.ledger import Ledger
from tests.support.mail_receiver import mail_receiver
from tests.support.maintaining import MaintainedNode
from tests.support.node import open_node
from tests.support.peers import wait_until
from tests.support.web_receiver import web_receiver

CONFIG = """
[database]
url = "sqlite:///ledger.sqlite"
[spool]
path = "spool"
reserve_bytes = 0
[[alerts]]
name = "it"
kind = "mail"
to = ["it@hospital.example"]
sender = "node@hospital.example"
host = "127.0.0.1"
port = {smtp}
encryption = "none"
[heartbeat]
url = "{heartbeat}"
every_seconds = 10
"""


def is_told(ledger: Ledger) -> bool:
    return any(channel.told_at for channel in ledger.notices.channels())


def test_a_dead_letter_of_the_night_is_told_by_a_send_that_starts(tmp_path):
    with (
        open_node(tmp_path, MaintainedNode) as node,
        mail_receiver() as mail,
        web_receiver() as heartbeat,
    ):
        job = node.deliver(state="FAILED")
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(smtp=mail.port, heartbeat=heartbeat.url))
        send = subprocess.Popen(
            [sys.executable, "-m", "ich_node", "--config", str(config), "send"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: bool(heartbeat.requests), what="the heartbeat")
            wait_until(lambda: is_told(node.ledger), what="the end of the telling")
        finally:
            send.terminate()
            assert send.wait(60) == 0
    assert len(mail.mails) == 1
    text = mail.mails[0].get_content()
    assert f"1 results of job {job} could not be delivered to pacs" in text
    assert "Research use only" in text
    assert {request.method for request in heartbeat.requests} == {"GET"}
