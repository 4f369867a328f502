"""The short form of `make chaos`: whatever dies, nothing is lost, nothing is wrong, nothing is there twice."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.sqlite"
        return
    with cluster() as server:
        yield server.new_url()


def test_nothing_is_lost_whatever_dies(tmp_path: Path, url: str) -> None:
    """Four modalities, two destinations, kill -9 of any process, a PACS that refuses, loses and goes away, a locked ledger."""
    command = [sys.executable, str(Path(__file__).with_name("chaos.py")), "--series", "4", "--seed", "4"]
    done = subprocess.run([*command, "--url", url, "--out", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
