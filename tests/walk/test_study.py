"""The whole node with Orthanc, a RIS and a worklist: one true answer a study, and nobody waits in
silence.
"""

import base64
import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.support.heads import ROOT
from tests.support.mllp_receiver import MllpReceiver, mllp_receiver
from tests.support.peers import CT, OrthancPeer, associated, need, orthanc, wait_until
from tests.support.running import NodeProcesses, running_node, send
from tests.support.study_series import reconstruction
from tests.support.web_receiver import WebReceiver, web_receiver

OUTLETS = """
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = {mllp}
[[destinations]]
name = "phone"
kind = "webhook"
url = "{hook}"
secret_file = "{secret}"
only_if_positive = true
"""


@dataclass(frozen=True, kw_only=True)
class Hospital:
    node: NodeProcesses
    archive: OrthancPeer
    ris: MllpReceiver
    phone: WebReceiver

    def send(self, *series: list[Dataset]) -> None:
        """In one association."""
        datasets = [dataset for one in series for dataset in one]
        assert len(send(datasets, self.node.port)) == len(datasets)

    def told(self, study: str) -> tuple[list[str], list[str]]:
        """What RIS and phone got about it: the answers in their words."""
        messages = [
            next(
                answer
                for answer in ("NOT_ANALYSED^", "UNDETERMINED^", "NOT_FOUND^", "SUSPECTED^")
                if answer in message
            ).rstrip("^")
            for message in self.ris.received
            if study in message
        ]
        events = [
            request.json["type"].removeprefix("hemorrhage.")
            for request in self.phone.requests
            if request.json["data"]["study_instance_uid"] == study
        ]
        return messages, events

    def reports(self, study: str) -> list[str]:
        """The SRs of the study in the archive."""
        found = {"Level": "Instance", "Expand": True}
        query = {"StudyInstanceUID": study, "Modality": "SR"}
        request = urllib.request.Request(
            f"{self.archive.url}/tools/find",
            data=json.dumps(found | {"Query": query}).encode(),
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return [each["MainDicomTags"]["SOPInstanceUID"] for each in json.load(answer)]

    def has_settled(self, studies: Sequence[str]) -> bool:
        """All ended, and all that is owed delivered."""
        jobs = [
            job
            for job in self.node.ledger.operator.list(limit=1000)
            if job.study_instance_uid in studies
        ]
        return all(str(job.state) not in ("WAITING", "READING") for job in jobs) and all(
            str(delivery.state) in ("SENT", "SUPERSEDED")
            for job in jobs
            for delivery in self.node.ledger.operator.deliveries(job.id)
        )


@contextmanager
def hospital(folder: Path, bundle: Path, more: str = "") -> Iterator[Hospital]:
    need("Orthanc")
    secret = folder / "secret"
    secret.write_text(base64.b64encode(bytes(32)).decode())
    with (
        orthanc(folder / "orthanc") as archive,
        mllp_receiver() as ris,
        web_receiver() as phone,
        running_node(
            folder / "node",
            archive.dicom_port,
            pacs_ae="ORTHANC",
            bundle=bundle,
            more=OUTLETS.format(mllp=ris.port, hook=phone.url, secret=secret) + more,
        ) as node,
    ):
        yield Hospital(node=node, archive=archive, ris=ris, phone=phone)


def send_and_abort(datasets: Sequence[Dataset], port: int) -> None:
    with associated(port, contexts=[(CT, [ExplicitVRLittleEndian])]) as association:
        for dataset in datasets:
            assert association.send_c_store(dataset).Status == 0x0000
        association.abort()


@pytest.mark.timeout(900)
def test_one_true_answer_for_every_study(tmp_path: Path, calm_bundle: Path) -> None:
    """Its bundle calls nothing positive. A refused head is told to the phone, too; thin and thick
    are one answer; a later one that agrees says nothing; a broken transfer is undetermined.
    """
    refused, both, later, broken = (f"{ROOT}9.{number}" for number in range(4))
    bone: dict[str, Any] = {"ConvolutionKernel": "H70h", "StudyInstanceUID": refused}
    with hospital(tmp_path, calm_bundle) as all_:
        all_.send(reconstruction(1, 10, **bone), reconstruction(2, 5, **bone))
        all_.send(
            reconstruction(3, 4, StudyInstanceUID=both),
            reconstruction(4, 5, StudyInstanceUID=both),
        )
        send_and_abort(reconstruction(7, 10, StudyInstanceUID=broken), all_.node.port)
        all_.send(reconstruction(5, 10, StudyInstanceUID=later))
        wait_until(lambda: all_.told(later)[0], seconds=240, what="the first answer")
        all_.send(reconstruction(6, 5, StudyInstanceUID=later))
        studies = (refused, both, later, broken)
        wait_until(
            lambda: (
                len(all_.node.job_states()) == 7
                and all_.has_settled(studies)
                and all(all_.told(study)[0] for study in studies)
                and all_.told(refused)[1]
            ),
            seconds=240,
            what="every answer",
        )
        assert all_.told(refused) == (["NOT_ANALYSED"], ["not_analysed"])
        assert all_.told(both) == (["NOT_FOUND"], [])
        assert all_.told(later) == (["NOT_FOUND"], [])
        assert all_.told(broken) == (["UNDETERMINED"], ["undetermined"])
        assert {study: len(all_.reports(study)) for study in studies} == dict.fromkeys(studies, 1)
        answers = {
            int(job.series_instance_uid.rpartition(".")[2]): str(job.answer or job.state)
            for job in all_.node.ledger.operator.list()
        }
    assert answers == {
        1: "not_analysed",
        2: "not_analysed",
        3: "SET_ASIDE",
        4: "absent",
        5: "absent",
        6: "absent",
        7: "undetermined",
    }


@pytest.mark.timeout(900)
def test_a_head_is_told_as_overdue_where_nobody_can_read(tmp_path: Path) -> None:
    """There is no model: the analyser waits, and the process that sends says so."""
    study = f"{ROOT}9.1"
    more = "[study]\noverdue_minutes = 0.02\n"
    with hospital(tmp_path, tmp_path / "no.safetensors", more) as all_:
        all_.send(reconstruction(1, 10, StudyInstanceUID=study))
        wait_until(
            lambda: all(all_.told(study)) and all_.reports(study), seconds=120, what="the message"
        )
        assert all_.told(study) == (["NOT_ANALYSED"], ["not_analysed"])
        assert "overdue" in all_.ris.received[0]
        assert all_.node.job_states() == ["WAITING"]
