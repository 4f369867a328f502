"""The whole node with a destination of each kind: a head goes in, and each destination gets its
results.
"""

import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ich_node.dicom.geometry import LEAST_SLICES
from tests.support.heads import head_series
from tests.support.mllp_receiver import mllp_receiver
from tests.support.peers import need, orthanc, pacs, wait_until
from tests.support.running import running_node, send
from tests.support.web_receiver import web_receiver

OUTLETS = """
[[destinations]]
name = "archive"
kind = "stow"
url = "{stow}"
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = {mllp}
[[destinations]]
name = "worklist"
kind = "webhook"
url = "{hook}"
secret_file = "{secret}"
only_if_positive = true
"""
SECRETS = ("MRN-4711", "Zuzana", "Nobodysname", "ACC-0815", "19430607")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.timeout(900)  # its waits together
def test_all_four_kinds_get_what_is_theirs(tmp_path: Path, untrained_bundle: Path) -> None:
    """The PACS and the archive get the same objects, the RIS and the worklist one message each, in
    which nobody is named.
    """
    need("Orthanc")
    secret = tmp_path / "secret"
    secret.write_text(base64.b64encode(bytes(32)).decode())
    head = head_series(
        LEAST_SLICES + 1,
        PatientID="MRN-4711-X",
        PatientName="Zuzana^Nobodysname",
        AccessionNumber="ACC-0815",
        PatientBirthDate="19430607",
    )
    with (
        orthanc(tmp_path / "orthanc") as archive,
        pacs() as peer,
        mllp_receiver() as ris,
        web_receiver() as worklist,
        running_node(
            tmp_path / "node",
            peer.port,
            bundle=untrained_bundle,
            more=OUTLETS.format(
                stow=f"{archive.url}/dicom-web", mllp=ris.port, hook=worklist.url, secret=secret
            ),
        ) as node,
    ):
        assert len(send(head, node.port)) == len(head)
        wait_until(lambda: node.job_states() == ["DONE"], seconds=240, what="the reading")
        (job,) = node.ledger.operator.list()
        wait_until(
            lambda: {each.state for each in node.ledger.operator.deliveries(job.id)} == {"SENT"},
            seconds=120,
            what="all deliveries",
        )
        objects = {
            result.sop_instance_uid
            for result in node.ledger.operator.results(job.id)
            if result.kind != "notification"
        }
        stored = {
            instance["MainDicomTags"]["SOPInstanceUID"]
            for instance in get(f"{archive.url}/instances?expand")
        }
        assert {str(dataset.SOPInstanceUID) for dataset in peer.received} == objects == stored
    (message,), (request,) = ris.received, worklist.requests
    assert "SUSPECTED^Intracranial hemorrhage suspected" in message
    assert request.json["type"] == "hemorrhage.suspected"
    assert request.json["data"]["report_uid"] in objects
    assert job.study_instance_uid in message
    log = (tmp_path / "node" / "log").read_text()
    names = "\n".join(str(path) for path in (tmp_path / "node").rglob("*"))
    said = "\n".join([message, request.body.decode(), str(request.headers), log, names])
    assert not [word for word in SECRETS if word in said]
    first_sent = next(line for line in node.log if line["event"] == "delivered")
    assert first_sent["kind"] == "notification", "what orders a worklist is sent first"
