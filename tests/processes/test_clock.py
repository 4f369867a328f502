"""Somebody sets the clock of the machine while associations are open: timeouts count seconds, not
the time of day.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.moved_clock import MovedClock, moved_clock
from tests.support.peers import associated, free_port, is_listening, wait_until

HOUR = 3600
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
idle_timeout_seconds = {idle_timeout_seconds}
[[sources]]
name = "modality"
ae_title = "CT1"
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""


@contextmanager
def receiver(folder: Path, clock: MovedClock, *, idle_timeout_seconds: int) -> Iterator[int]:
    """`ich-node receive`, which looks at that clock; its port."""
    port, config = free_port(), folder / "config.toml"
    config.write_text(
        CONFIG.format(port=port, folder=folder, idle_timeout_seconds=idle_timeout_seconds)
    )
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, env={**os.environ, **clock.environment})
    try:
        wait_until(lambda: is_listening(port), seconds=120, what="listening")
        yield port
    finally:
        process.terminate()
        process.wait(60)


def test_a_clock_put_forward_breaks_no_association(tmp_path: Path) -> None:
    with (
        moved_clock(tmp_path) as clock,
        receiver(tmp_path, clock, idle_timeout_seconds=60) as port,
        associated(port) as modality,
    ):
        assert modality.send_c_echo().Status == 0x0000
        clock.move_to(5 * HOUR)
        time.sleep(1.5)  # for the listener to look at its timers
        assert modality.send_c_echo().Status == 0x0000


@pytest.mark.timeout(300)
def test_a_clock_put_back_keeps_no_silent_peer(tmp_path: Path) -> None:
    """It would hold its slot for three hours."""
    with (
        moved_clock(tmp_path) as clock,
        receiver(tmp_path, clock, idle_timeout_seconds=2) as port,
        associated(port) as silent,
    ):
        assert silent.is_established
        clock.move_to(-3 * HOUR)
        wait_until(
            lambda: not silent.is_established, seconds=120, what="the end of the silent association"
        )
