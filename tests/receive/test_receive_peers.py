"""DCMTK sends to the listener; and a receiver that is killed while it writes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from ich_node.ledger import open_ledger
from ich_node.spool import Spool
from tests.support.heads import head_series
from tests.support.listening import CT1, ListeningNode, StartNode
from tests.support.peers import free_port, need, running
from tests.support.real import real
from tests.support.results import result_object

RECEIVER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from ich_node.config.settings import ScpSettings, SeriesSettings, Source
from ich_node.ledger import SearchKey, open_ledger
from ich_node.receive import receive_forever
from ich_node.spool import Spool
root, port = Path(sys.argv[1]), int(sys.argv[2])
receive_forever(
    scp=ScpSettings(bind_address="127.0.0.1", port=port),
    sources=(Source(name="ct", ae_title="CT1"),),
    series=SeriesSettings(),
    spool=Spool(root / "spool"),
    ledger=open_ledger(f"sqlite:///{root}/ledger.sqlite").receiving,
    search_key=SearchKey(key=bytes(32)),
    clock=lambda: datetime.now(UTC),
    stop=threading.Event(),
    turn=threading.Event(),
)
"""


@pytest.mark.parametrize(
    ("folder", "option"), [("positive/cq500-sdh-412", "-xv"), ("negative/cq500-47", "-xs")]
)
def test_storescu_sends_a_real_series(node: ListeningNode, folder: str, option: str) -> None:
    """DCMTK's storescu sends a real head CT; each file's data set arrives byte for byte."""
    tool, series = need("storescu"), real(*folder.split("/"))
    command = [tool, "-aet", "CT1", "-aec", "ICHNODE", "--scan-directories", "-R", option]
    sent = subprocess.run(
        [*command, "127.0.0.1", str(node.port), str(series)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert sent.returncode == 0, sent.stderr
    files = {ds.SOPInstanceUID: ds for ds in map(dcmread, sorted(series.rglob("*.dcm")))}
    job = node.ledger.operator.list()[0]
    for instance in node.ledger.operator.instances(job):
        assert (
            dcmread(node.spool.absolute(instance.path)).PixelData
            == files[instance.sop_instance_uid].PixelData
        )


@pytest.mark.parametrize("option", ["-xe", "-xi", "-xb"])
def test_uids_with_leading_zeros_are_kept_as_they_came(
    node: ListeningNode, tmp_path: Path, option: str
) -> None:
    """Illegal and common: results must refer to the same text. In all encodings."""
    tool, (ds,) = need("storescu"), head_series(1)
    uids = ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (
        "1.2.0840.01.1",
        "1.2.0840.01.2",
        "1.2.0840.01.003",
    )
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    path = tmp_path / "0.dcm"
    ds.save_as(path, enforce_file_format=True)
    command = [tool, option, "-aet", "CT1", "-aec", "ICHNODE", "127.0.0.1", str(node.port)]
    subprocess.run([*command, str(path)], check=True, capture_output=True)
    (job,) = node.ledger.operator.list()
    (instance,) = node.ledger.operator.instances(job)
    kept = dcmread(node.spool.absolute(instance.path))
    assert uids == (job.study_instance_uid, job.series_instance_uid, instance.sop_instance_uid)
    assert uids == (kept.StudyInstanceUID, kept.SeriesInstanceUID, kept.SOPInstanceUID)
    assert kept.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


@pytest.mark.parametrize(("other_classes", "arrive"), [("reject", 0), ("discard", 12)])
def test_storescu_gives_up_a_study_with_another_class_unless_it_is_discarded(
    start_node: StartNode, tmp_path: Path, other_classes: Any, arrive: int
) -> None:
    """DCMTK's storescu stops at the first object that it cannot send, here a secondary capture."""
    tool, study = need("storescu"), tmp_path / "study"
    study.mkdir()
    result_object(0).save_as(study / "0.dcm", enforce_file_format=True)
    for ds in head_series(12):
        ds.save_as(study / f"{ds.InstanceNumber:04d}.dcm", enforce_file_format=True)
    node = start_node(sources=(CT1.model_copy(update={"other_classes": other_classes}),))
    command = [tool, "-aet", "CT1", "-aec", "ICHNODE", "127.0.0.1", str(node.port)]
    sent = subprocess.run(
        [*command, *sorted(map(str, study.iterdir()))], capture_output=True, text=True, check=False
    )
    assert (sent.returncode == 0) == (other_classes == "discard"), sent.stderr
    jobs = node.ledger.operator.list()
    assert sum(len(node.ledger.operator.instances(job)) for job in jobs) == arrive


def test_echoscu_is_answered_and_a_stranger_is_not(node: ListeningNode) -> None:
    """DCMTK's echoscu succeeds under an allowed AE title and fails under another."""
    tool = need("echoscu")
    command = [tool, "-aec", "ICHNODE", "127.0.0.1", str(node.port), "-aet"]
    codes = [
        subprocess.run([*command, aet], capture_output=True, check=False).returncode
        for aet in ("CT1", "STRANGER")
    ]
    assert codes[0] == 0
    assert codes[1] != 0


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """The receiver is killed in the middle of storescu's transfer: each object it answered Success
    for is there, whole.
    """
    tool, port = need("storescu"), free_port()
    source = tmp_path / "series"
    source.mkdir()
    for ds in head_series(120):
        ds.save_as(source / f"{ds.InstanceNumber:04d}.dcm", enforce_file_format=True)
    acknowledged: list[str] = []
    with running(
        [sys.executable, "-c", RECEIVER, str(tmp_path), str(port)], port=port, log=tmp_path / "log"
    ) as receiver:
        command = [
            tool,
            "-v",
            "-aet",
            "CT1",
            "-aec",
            "ICHNODE",
            "--scan-directories",
            "127.0.0.1",
            str(port),
            str(source),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as sender:
            assert sender.stdout is not None
            sending = ""
            for line in sender.stdout:
                if "Sending file" in line:
                    sending = line.split("Sending file:")[1].strip()
                if "Received Store Response (Success)" in line:
                    acknowledged.append(sending)
                    if len(acknowledged) == 40:
                        os.kill(receiver.pid, signal.SIGKILL)
    assert 40 <= len(acknowledged) < 120
    ledger, spool = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), Spool(tmp_path / "spool")
    try:
        kept = {
            instance.sop_instance_uid: instance
            for instance in ledger.operator.instances(ledger.operator.list()[0])
        }
        for path in acknowledged:
            sent = dcmread(path)
            assert dcmread(spool.absolute(kept[sent.SOPInstanceUID].path)) == sent
    finally:
        ledger.dispose()
