"""While a hostile peer attacks the site, the site answers a visitor, and the listener a modality.

Site, listener and attacker are processes of their own. ICH_NODE_BURST: of how many requests the
burst is.
"""

import os
import subprocess
import sys
import time

import pytest

from tests.support import REPOSITORY
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT
from tests.support.peers import associated, free_port, running, wait_until
from tests.support.proc import footprint
from tests.support.web_attacks import ATTACKS
from tests.support.web_process import web_process

pytestmark = pytest.mark.alone

BURST = int(os.environ.get("ICH_NODE_BURST", "400"))
ROUNDS = 3
DEADLINE_SECONDS = 10.0  # no visitor, and no modality, waits longer
MOST_MEMORY_MB = 150
POOL = 10  # descriptors of the connections to the ledger that the site keeps
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
[[sources]]
name = "ct"
ae_title = "CT2"
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    folder = tmp_path_factory.mktemp("besieged")
    port, config = free_port(), folder / "config.toml"
    config.write_text(CONFIG.format(port=port, folder=folder))
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=folder / "log"):
        yield port, config


@pytest.fixture(scope="module")
def site(listener):
    with web_process(listener[1]) as process:
        yield process


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_site_and_the_listener_answer_under(listener, site, attack):
    before = footprint(site.process.pid)
    command = [
        sys.executable,
        "-m",
        "tests.support.web_attacks",
        attack,
        str(site.port),
        str(BURST),
    ]
    slowest = {"site": 0.0, "listener": 0.0}
    with (
        site.signed_in() as client,
        subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as attacker,
    ):
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == b"in place\n"
        began, rounds = time.monotonic(), 0
        while rounds < ROUNDS or (attack == "burst" and attacker.poll() is None):
            for name, once in (("site", lambda: visit(client)), ("listener", store)):
                start = time.monotonic()
                once(listener[0]) if name == "listener" else once()
                slowest[name] = max(slowest[name], time.monotonic() - start)
            rounds += 1
        if attack == "burst":
            assert attacker.returncode == 0
        took = time.monotonic() - began
        peak = footprint(site.process.pid).peak_mb
        attacker.kill()
    figures = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest.items())
    sys.stdout.write(f"{rounds} rounds in {took:.1f} s; slowest: {figures}; peak {peak} MB\n")
    assert max(slowest.values()) < DEADLINE_SECONDS
    assert peak < MOST_MEMORY_MB
    wait_until(
        lambda: footprint(site.process.pid).descriptors <= before.descriptors + POOL,
        seconds=30,
        what="the end of the attacker's connections",
    )
    assert "Traceback" not in site.log.read_text()
    assert "page_failed" not in site.log.read_text()


def visit(client):
    answer = client.get("/", headers={"Connection": "close"})
    assert answer.status_code == 200


def store(port):
    with associated(port, calling_ae="CT2", contexts=EXPLICIT) as assoc:
        assert assoc.is_established
        assert assoc.send_c_store(head_slice(0)).Status == 0x0000
