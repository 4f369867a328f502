"""A node of real processes is backed up while it works, and restored elsewhere."""

import hashlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from ich_node.ledger import DeliveryState
from ich_node.phantom import make_study
from tests.support.peers import Pacs, free_port, pacs, wait_until
from tests.support.running import NodeProcesses, node_processes, running_node, send


@pytest.mark.extended
def test_a_node_restored_elsewhere_delivers_the_same_objects(tmp_path: Path) -> None:
    """Backed up twice by the command, while one series is read and another arrives. The restored
    node reads what was not read, and sends what was owed; the node that was backed up goes on, too:
    the archive gets every object of the first series twice, with the same bytes.
    """
    heads = [make_study(11, bleeds=("IPH",)).datasets(), make_study(12).datasets()]
    port, backups = free_port(), tmp_path / "backups"
    with running_node(tmp_path / "node", port) as node:
        send(heads[0], node.port)
        wait_until(lambda: node.job_states() == ["DONE"], seconds=120, what="the first reading")
        command = [sys.executable, "-m", "ich_node", "--config", str(node.folder / "config.toml")]
        first = subprocess.Popen([*command, "backup", str(backups)])
        acknowledged = send(heads[1], node.port)
        assert first.wait(120) == 0
        assert len(acknowledged) == len(heads[1])
        subprocess.run([*command, "backup", str(backups)], check=True)
        with pacs(port=port) as archive:
            wait_until(lambda: is_empty(node), seconds=120, what="all results of the first node")
        sent = bytes_of(archive)
        results = {each.sop_instance_uid for each in node.ledger.operator.results(1)}
    assert results <= sent.keys()

    (tmp_path / "other").mkdir()
    config = (tmp_path / "node" / "config.toml").read_text()
    config = config.replace(f"{tmp_path}/node", f"{tmp_path}/other")
    config = config.replace(f"port = {node.port}", f"port = {free_port()}", 1)
    other = tmp_path / "other" / "config.toml"
    other.write_text(config)
    command = [sys.executable, "-m", "ich_node", "--config", str(other)]
    subprocess.run([*command, "restore", str(backups), "--apply"], check=True)
    with pacs(port=port) as archive, node_processes(tmp_path / "other", config) as restored:
        wait_until(lambda: is_empty(restored), seconds=120, what="all results of the second node")
        states = restored.job_states()
        for each in restored.ledger.operator.instances(restored.ledger.operator.list()[0]):
            data = restored.spool.read(each.path)
            assert hashlib.sha256(data).hexdigest() == each.sha256
    assert states == ["DONE", "DONE"]
    again = bytes_of(archive)
    assert {uid: again[uid] for uid in results} == {uid: sent[uid] for uid in results}


def is_empty(node: NodeProcesses) -> bool:
    return node.job_states() == ["DONE", "DONE"] and set(node.delivery_states()) == {
        str(DeliveryState.SENT)
    }


def bytes_of(archive: Pacs) -> dict[str, str]:
    """The hash of each object that it received, by its UID; the same object twice is the same."""
    hashes: dict[str, str] = {}
    for dataset in archive.received:
        written = BytesIO()
        pydicom.dcmwrite(
            written, dataset, enforce_file_format=False, implicit_vr=False, little_endian=True
        )
        digest = hashlib.sha256(written.getvalue()).hexdigest()
        assert hashes.setdefault(str(dataset.SOPInstanceUID), digest) == digest
    return hashes
