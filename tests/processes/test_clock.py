"""The clock of the machine is set while associations are open: timeouts use the monotonic clock,
not the time of day.
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
    """`ich-node receive` with that clock; yields its port."""
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
        time.sleep(1.5)  # the listener checks its timers
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
        silent.network_timeout = None  # or the peer itself would end it after 60 s
        clock.move_to(-3 * HOUR)
        wait_until(
            lambda: not silent.is_established, seconds=50, what="the end of the silent association"
        )
        assert silent.is_aborted
