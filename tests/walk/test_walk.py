"""The README's story with real peers: CT goes in by C-STORE, SR and overlays come back, whatever
dies on the way.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset

from ich_node.answer import Answer
from ich_node.demo.play import marks_of
from ich_node.model.bundle_file import read_header, shipped_bundle
from ich_node.phantom import make_study
from tests.support.command_line import ich_node
from tests.support.node import opened_ledger
from tests.support.peers import (
    COMPREHENSIVE_3D_SR,
    free_port,
    is_listening,
    need,
    orthanc,
    pacs,
    wait_until,
)
from tests.support.real import real, real_series
from tests.support.running import CONFIG, is_running, running_node, send

SECRETS = ("MRN-4711", "Zuzana", "Nobodysname", "ACC-0815", "19430607")


@pytest.fixture(scope="module")
def phantom() -> list[Dataset]:
    """A head with a dense clot, of a patient with a name and numbers."""
    named = make_study(11, bleeds=("IPH",)).datasets(
        patient_id="MRN-4711-X", patient_name="Zuzana^Nobodysname"
    )
    for dataset in named:
        dataset.AccessionNumber, dataset.PatientBirthDate = "ACC-0815", "19430607"
    return named


def reports(received: Sequence[Dataset]) -> list[Dataset]:
    return [dataset for dataset in received if dataset.SOPClassUID == COMPREHENSIVE_3D_SR]


# --- the walk


@pytest.mark.extended
def test_the_demo_finds_what_was_planted(tmp_path):
    """`ich-node demo`: exit 0; the planted bleeds, SR, overlays and a preview are in the folder.
    A second run in the same folder gives the same. CI runs `make demo`.
    """
    received = tmp_path / "demo" / "received"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "ich_node", "demo", "--out", str(tmp_path / "demo")],
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "MISSED" not in done.stdout
        assert (tmp_path / "demo" / "preview.png").stat().st_size > 10_000
        objects = {path: pydicom.dcmread(path) for path in received.iterdir()}
        assert len(objects) > 1
        (report,) = (path for path, dataset in objects.items() if reports([dataset]))
        assert marks_of(report)


def test_a_pacs_that_was_down_gets_the_results_of_one_analysis(tmp_path, phantom):
    """Nothing listens when the reading is done; the delivery waits, the reading is not repeated.

    The patient is named in DICOM objects only: in no log line, file name or command.
    """
    port = free_port()
    with running_node(tmp_path / "node", port) as node:
        send(phantom, node.port)
        wait_until(lambda: node.job_states() == ["DONE"], seconds=120, what="the reading")
        wait_until(
            lambda: any(line["event"] == "delivery_postponed" for line in node.log),
            seconds=30,
            what="a failed delivery",
        )
        with pacs(port=port) as peer:
            wait_until(lambda: reports(peer.received), seconds=90, what="the SR")
            assert str(reports(peer.received)[0].PatientName) == "Zuzana^Nobodysname"
            wait_until(lambda: set(node.delivery_states()) == {"SENT"}, what="all results")
            wait_until(
                lambda: all(each.is_up for each in node.ledger.destination_states.all()),
                seconds=30,
                what="that the destination is known to answer",
            )
        assert [job.attempts for job in node.ledger.operator.list()] == [1]
        said = {each.service: each for each in node.ledger.heartbeats.all()}
        assert set(said) == {"receive", "analyse", "send"}
        assert all(each.is_ready for each in said.values())
        assert said["receive"].facts["port"] == node.port
        assert said["analyse"].facts["bundle"] == read_header(shipped_bundle()).name
    with opened_ledger(f"sqlite:///{node.folder}/ledger.sqlite") as ledger:
        assert ledger.heartbeats.all() == []
        counted = {(each.name, *each.labels.values()): each.value for each in ledger.counts.all()}
    assert counted["series", "present", ""] == 1
    assert counted["instances", "modality"] == len(phantom)
    assert counted["associations", "", "released", "modality"] == 1
    assert sum(value for key, value in counted.items() if key[:2] == ("deliveries", "pacs")) >= 3
    assert counted["send_failures", "pacs"] >= 3
    assert counted["inference_seconds", "sum"] < counted["receive_to_result_seconds", "sum"] < 120
    shown = ich_node("jobs", "show", 1, config=node.folder / "config.toml")
    assert shown.exit_code == 0
    log, names = (node.folder / "log").read_text(), map(str, node.folder.rglob("*"))
    text = "\n".join([log, *names, shown.stdout])
    assert [secret for secret in SECRETS if secret in text] == []


# --- kill -9


def test_kill_9_of_the_receiver_loses_nothing_that_was_acknowledged(tmp_path, phantom):
    """In the middle of a transfer. The modality sends the rest again, as it would; one result
    comes, of the whole head.
    """
    with pacs() as peer, running_node(tmp_path / "node", peer.port) as node:
        pid = node.pid_of("receive")
        sender: list[str] = []
        thread = threading.Thread(target=lambda: sender.extend(send(phantom, node.port)))
        thread.start()
        wait_until(
            lambda: sum(line["event"] == "object_stored" for line in node.log) >= 8,
            what="eight objects",
        )
        os.kill(pid, signal.SIGKILL)
        thread.join()
        assert 8 <= len(sender) < len(phantom)
        wait_until(
            lambda: node.pid_of("receive") != pid and is_listening(node.port),
            seconds=60,
            what="a new receiver",
        )
        job = node.ledger.operator.list()[0]
        assert set(sender) <= {
            instance.sop_instance_uid for instance in node.ledger.operator.instances(job)
        }
        rest = [dataset for dataset in phantom if dataset.SOPInstanceUID not in sender]
        assert len(send(rest, node.port)) == len(rest)
        wait_until(lambda: node.job_states() == ["DONE"], seconds=120, what="the reading")
        wait_until(lambda: reports(peer.received), what="the SR")
        (job,) = node.ledger.operator.list()
        assert len(node.ledger.operator.instances(job)) == len(phantom)
        assert len(reports(peer.received)) == 1


def test_kill_9_of_the_analyser_gives_the_same_result_once(tmp_path, phantom):
    """In the middle of a reading: after the lease another one reads, and what it makes is what the
    first would have made.
    """
    with pacs() as peer, running_node(tmp_path / "node", peer.port) as node:
        send(phantom, node.port)
        wait_until(lambda: node.job_states() == ["READING"], seconds=60, what="the claim")
        content_at = node.ledger.operator.list()[0].content_at
        os.kill(node.pid_of("analyse"), signal.SIGKILL)
        wait_until(lambda: node.job_states() == ["DONE"], seconds=150, what="the second reading")
        wait_until(lambda: reports(peer.received), what="the SR")
        (job,) = node.ledger.operator.list()
        assert job.attempts == 2
        assert job.content_at == content_at
        results = node.ledger.operator.results(job.id)
        wait_until(lambda: len(peer.received) == len(results), what="all results")
        assert sorted(str(dataset.SOPInstanceUID) for dataset in peer.received) == sorted(
            result.sop_instance_uid for result in results
        )


def test_kill_9_of_the_sender_costs_no_analysis_and_no_result(tmp_path, phantom):
    """In the middle of a delivery; what the PACS gets twice is the same bytes."""
    with pacs() as peer, running_node(tmp_path / "node", peer.port) as node:
        pid = node.pid_of("send")
        killed = threading.Event()

        def kill_once(_: Dataset) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(pid, signal.SIGKILL)

        peer.on_store = kill_once
        send(phantom, node.port)
        wait_until(killed.is_set, seconds=120, what="the first delivery")
        (job,) = node.ledger.operator.list()
        results = {result.sop_instance_uid for result in node.ledger.operator.results(job.id)}
        wait_until(
            lambda: {str(ds.SOPInstanceUID) for ds in peer.received} == results,
            seconds=150,
            what="all results",
        )
        assert node.ledger.operator.list()[0].attempts == 1
        first = {str(dataset.SOPInstanceUID): dataset for dataset in reversed(peer.received)}
        assert all(first[str(dataset.SOPInstanceUID)] == dataset for dataset in peer.received)


# --- real CT, real peers


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The authors' max head, imported by the command that an admin uses."""
    out = tmp_path_factory.mktemp("bundle") / "published.safetensors"
    source = real("published-checkpoints", "MaxPool.pt")
    assert ich_node("model", "import-published", source, "--out", out).exit_code == 0
    return out


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_dcmtk_sends_real_ct_and_orthanc_lists_the_results_in_its_study(tmp_path, published):
    """storescu: JPEG 2000 and a thin JPEG Lossless series; QIDO finds SR (and overlays) in both
    source studies.
    """
    storescu = need("storescu")
    with (
        orthanc(tmp_path / "orthanc", OverwriteInstances=True, DefaultEncoding="Utf8") as peer,
        running_node(
            tmp_path / "node", peer.dicom_port, pacs_ae="ORTHANC", bundle=published
        ) as node,
    ):
        for folder, syntax in (("positive/cq500-sdh-412", "-xv"), ("thin/cq500-0", "-xs")):
            command = [
                storescu,
                "-aet",
                "CT1",
                "-aec",
                "ICHNODE",
                syntax,
                "+sd",
                "127.0.0.1",
                str(node.port),
                str(write(real_series(folder), tmp_path / folder)),
            ]
            subprocess.run(command, check=True, capture_output=True)
        wait_until(lambda: node.job_states() == ["DONE", "DONE"], seconds=240, what="both readings")
        jobs = node.ledger.operator.list()
        wait_until(
            lambda: (
                len(get(f"{peer.url}/instances"))
                == sum(len(node.ledger.operator.results(job.id)) for job in jobs)
            ),
            seconds=60,
        )
        for job in jobs:
            series = get(f"{peer.url}/dicom-web/studies/{job.study_instance_uid}/series")
            modalities = sorted(item["00080060"]["Value"][0] for item in series)
            bleeds = job.answer is Answer.PRESENT
            assert modalities == (["KO", "OT", "OT", "PR", "SR"] if bleeds else ["SR"])
        files = [
            str(node.spool.absolute(result.path))
            for job in jobs
            for result in node.ledger.operator.results(job.id)
        ]
        check_with_validators(files)


def write(datasets: Sequence[Dataset], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, dataset in enumerate(datasets):
        dataset.save_as(folder / f"{number:03d}.dcm")
    return folder


def check_with_validators(files: Sequence[str]) -> None:
    """dciodvfy on every object, dsrdump on every SR, dcentvfy on all: no error."""
    for path in files:
        found = subprocess.run([need("dciodvfy"), "-new", path], capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        if pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID == COMPREHENSIVE_3D_SR:
            dump = subprocess.run([need("dsrdump"), path], capture_output=True, text=True)
            assert dump.returncode == 0, dump.stderr
    found = subprocess.run([need("dcentvfy"), *files], capture_output=True, text=True)
    errors = [line for line in found.stderr.splitlines() if re.match("Error", line)]
    assert not errors


def test_run_that_is_killed_leaves_nobody_behind(tmp_path):
    """kill -9 of `run` itself: the three notice that it is gone."""
    with pacs() as peer:
        folder = tmp_path / "node"
        with running_node(folder, peer.port, ends_with=-signal.SIGKILL) as node:
            pids = [node.pid_of(name) for name in ("receive", "analyse", "send")]
            node.process.kill()
    assert not any(map(is_running, pids))


def test_a_port_that_is_taken_ends_run_with_a_sentence(tmp_path):
    """No restart would mend a wrong configuration: exit 2, and nobody is left running."""
    with pacs() as peer:
        config = tmp_path / "config.toml"
        config.write_text(
            CONFIG.format(port=peer.port, pacs_ae="PACS", pacs_port=peer.port, folder=tmp_path)
        )
        command = [sys.executable, "-m", "ich_node", "--config", str(config), "run"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{peer.port}" in done.stderr
    assert "`ich-node receive` cannot run with this configuration" in done.stderr
