"""A series that takes its reader down: set aside after max_attempts, while all others are read."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset

from ich_node.ledger import Instance, JobState, Ledger, open_ledger
from ich_node.spool import Spool
from tests.support.heads import ROOT, head_slice
from tests.support.peers import wait_until

# The real command; only the decoder is another: on the marked series it does what a bug in C, or
# the kernel, does.
ANALYSER = """
import os, signal, sys, threading
from ich_node.series import hounsfield
decode = hounsfield.decode
def decode_or_die(dataset, *frame):
    if dataset.SeriesDescription == "POISON":
        {death}
    return decode(dataset, *frame)
hounsfield.decode = decode_or_die
from ich_node.cli import main
main()
"""
DEATHS = {
    "aborts": "os.abort()",
    "is killed for its memory": "os.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "threading.Event().wait()",
}
CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[analysis]
lease_seconds = 2
max_attempts = 2
stall_seconds = 20
threads = 2
"""


@pytest.mark.parametrize("death", DEATHS)
def test_a_poison_series_is_set_aside_and_blocks_nobody(tmp_path: Path, death: str) -> None:
    """Its reader dies or hangs each time, and is started again as systemd would; the series before
    and behind it are read.
    """
    ledger, spool = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), Spool(tmp_path / "spool")
    for number, description in enumerate(("before", "POISON", "behind")):
        receive(ledger, spool, [made(number, index, description) for index in range(12)])
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    command = [
        sys.executable,
        "-c",
        ANALYSER.format(death=DEATHS[death]),
        "--config",
        str(config),
        "analyse",
    ]
    readers = []

    def all_ended() -> bool:
        if not readers or readers[-1].poll() is not None:
            readers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return all(
            job.state not in (JobState.WAITING, JobState.READING) for job in ledger.operator.list()
        )

    try:
        wait_until(all_ended, seconds=240, what="the end of all three")
    finally:
        readers[-1].kill()
        readers[-1].wait()
    behind, poison, before = ledger.operator.list()
    assert (before.state, behind.state) == (JobState.DONE, JobState.DONE)
    assert (poison.state, poison.reason, poison.attempts) == (JobState.FAILED, "crashed", 2)
    assert len(readers) >= 3
    ledger.dispose()


def made(number: int, index: int, description: str) -> Dataset:
    study = f"{ROOT}88.{number}"
    uids = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.{index + 1}",
    }
    return head_slice(index, SeriesDescription=description, **uids)


def receive(ledger: Ledger, spool: Spool, series: list[Dataset]) -> None:
    """What the listener leaves behind for a series that is complete."""
    now = datetime.now(UTC)
    for ds in series:
        file = BytesIO()
        ds.save_as(file, enforce_file_format=True)
        stored = spool.put(file.getvalue())
        arrived = Instance(
            sop_instance_uid=ds.SOPInstanceUID,
            sop_class_uid=ds.SOPClassUID,
            study_instance_uid=ds.StudyInstanceUID,
            series_instance_uid=ds.SeriesInstanceUID,
            transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
            source="ct",
            received_at=now,
        )
        ledger.receiving.add(arrived, ready_at=now, max_wait=timedelta(hours=1))
