"""The short form of `make chaos`: whatever dies, fills or is moved, nothing is lost, nothing is
wrong, nothing is there twice.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.support.peers import need
from tests.support.postgres import PROGRAMS


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "ledger", ["sqlite", pytest.param("postgresql", marks=pytest.mark.extended)]
)
def test_nothing_is_lost_whatever_dies(tmp_path: Path, ledger: str) -> None:
    """Four modalities, two destinations, kill -9, a PACS that refuses, loses and goes away, a full
    disk, a clock that moves.
    """
    need("cc")
    if ledger == "postgresql":
        need(str(next(PROGRAMS.glob("*/bin/initdb"), "initdb")))
    command = [
        sys.executable,
        "-m",
        "tests.chaos",
        "--series",
        "4",
        "--seed",
        "4",
        "--ledger",
        ledger,
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
