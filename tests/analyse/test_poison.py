"""A series that takes its analyser down fails after max_attempts, while all others are read."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset

from ich_node.ledger import Instance, JobState, Ledger, open_ledger
from ich_node.spool import Spool
from tests.support.heads import ROOT, head_slice
from tests.support.peers import wait_until
from tests.support.poison import DEATHS, MARK, run_poisoned_analyser

CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[bundle]
path = "{bundle}"
[analysis]
engine = "torch"
lease_seconds = 2
max_attempts = 2
stall_seconds = 20
threads = 2
"""
# Each analyser is a process of its own, forked from one that has imported torch already: the tests
# start nine of them.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.poison", "ich_node.analyse.loop"])


@pytest.mark.parametrize("death", DEATHS)
def test_a_poison_series_is_set_aside_and_blocks_nobody(
    tmp_path: Path, untrained_bundle: Path, death: str
) -> None:
    """The analyser dies or hangs on it each time and is started again, as systemd would; the series
    before and behind it are read.
    """
    ledger, spool = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), Spool(tmp_path / "spool")
    for number, description in enumerate(("before", MARK, "behind")):
        receive(ledger, spool, [made(number, index, description) for index in range(12)])
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(folder=tmp_path, bundle=untrained_bundle))
    analysers = []

    def all_ended() -> bool:
        if not analysers or analysers[-1].exitcode is not None:
            analysers.append(PROCESSES.Process(target=run_poisoned_analyser, args=(config, death)))
            analysers[-1].start()
        return all(
            job.state not in (JobState.WAITING, JobState.READING) for job in ledger.operator.list()
        )

    try:
        wait_until(all_ended, seconds=240, what="the end of all three")
    finally:
        analysers[-1].kill()
        analysers[-1].join()
    behind, poison, before = ledger.operator.list()
    assert (before.state, behind.state) == (JobState.DONE, JobState.DONE)
    assert (poison.state, poison.reason, poison.attempts) == (JobState.FAILED, "crashed", 2)
    assert ledger.telling.untold(poison.study_instance_uid) == [poison], "who waits is told"
    assert len(analysers) >= 3
    assert [
        killed.job_id for killed in ledger.troubles.killed_readers(since=poison.ready_at).first
    ] == [poison.id]
    (failed,) = [each for each in ledger.counts.all() if each.labels.get("outcome") == "failed"]
    assert (failed.labels["reason"], failed.value) == ("crashed", 1)
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
    """Stores a complete series as the listener does."""
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
