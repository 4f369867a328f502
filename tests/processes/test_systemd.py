"""The systemd units, and what the services notify systemd of."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.support.peers import free_port, is_listening, need, wait_until

UNITS = sorted((REPOSITORY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_hardened(unit: Path) -> None:
    """systemd's own figure of exposure, 0 to 10."""
    command = [need("systemd-analyze"), "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure.group(1)) < MOST_EXPOSED


@pytest.mark.parametrize("name", ["receive", "analyse", "send", "web"])
def test_services_say_that_they_are_ready_and_alive(tmp_path: Path, name: str) -> None:
    """READY when the port is open, WATCHDOG as long as the loop runs; SIGHUP ends none,
    SIGTERM ends all with 0. A setting of an earlier version only causes a warning.
    """
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(
        f'[scp]\nbind_address = "127.0.0.1"\nport = {port}\nprocesses = 2\n'
        f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\n[analysis]\nthreads = 1\nengine = "torch"\n'
        f"[web]\nport = {free_port()}\n"
    )
    told: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        command = [sys.executable, "-m", "ich_node", "--config", str(config), name]
        with (tmp_path / "log").open("wb") as log:
            service = subprocess.Popen(
                command, env={"NOTIFY_SOCKET": str(tmp_path / "notify")}, stderr=log
            )
        try:
            while not {b"READY=1", b"WATCHDOG=1"} <= set(told):
                told.append(manager.recv(100))
                if name == "receive" and told[-1] == b"READY=1":
                    assert is_listening(port)
            service.send_signal(signal.SIGHUP)
            told.clear()
            wait_until(lambda: manager.recv(100) == b"WATCHDOG=1", what="a sign of life")
        finally:
            service.terminate()
        assert service.wait(60) == 0
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (removed,) = [event for event in events if event["event"] == "setting_removed"]
    assert (removed["level"], removed["process"]) == ("warning", name)
    assert (removed["section"], removed["key"]) == ("scp", "processes")
