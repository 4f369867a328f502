"""The whole node with a destination of each kind: a head goes in, and each destination gets its
results.
"""

import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from ich_node.dicom.geometry import LEAST_SLICES
from tests.support.heads import head_series
from tests.support.mllp_receiver import mllp_receiver
from tests.support.peers import need, orthanc, pacs, wait_until
from tests.support.running import running_node, send
from tests.support.untrained_bundle import write_untrained_bundle
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


IDENTIFIED = """
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = {mllp}
identifiers = true
[[destinations]]
name = "worklist"
kind = "webhook"
url = "{hook}"
secret_file = "{secret}"
identifiers = true
"""


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


@pytest.mark.timeout(900)
def test_an_illegal_identity_arrives_as_it_is(tmp_path: Path, untrained_bundle: Path) -> None:
    """A tab, a backslash, 66 characters, an accession number of 23, a date with dots, the sex U:
    the receivers get the values of the header, and the log gets none.
    """
    secret, patient_id = tmp_path / "secret", "4711\tA\\" + "7" * 59
    secret.write_text(base64.b64encode(bytes(32)).decode())
    head = head_series(LEAST_SLICES + 1)
    for dataset in head:
        for keyword, value in {
            "PatientID": patient_id,
            "PatientName": "",
            "AccessionNumber": "2025-CT-000000000000123",
            "PatientBirthDate": "1943.06.07",
            "PatientSex": "U",
        }.items():
            tag = BaseTag(tag_for_keyword(keyword) or 0)
            data = value.encode() + b" " * (len(value) % 2)
            vr = dictionary_VR(tag)
            dataset[tag] = RawDataElement(tag, vr, len(data), data, 0, False, True, True)
    with (
        pacs() as peer,
        mllp_receiver() as ris,
        web_receiver() as worklist,
        running_node(
            tmp_path / "node",
            peer.port,
            bundle=untrained_bundle,
            more=IDENTIFIED.format(mllp=ris.port, hook=worklist.url, secret=secret),
        ) as node,
    ):
        assert len(send(head, node.port)) == len(head)
        wait_until(lambda: ris.received and worklist.requests, seconds=240, what="the messages")
    fields = [segment.split("|") for segment in ris.received[0].split("\r")]
    patient, order = fields[1], fields[2]
    assert patient[3] == "4711\\X09\\A\\E\\" + "7" * 59
    assert patient[5:9] == ["~^^^^^^U", "", "19430607", "U"]
    assert order[18] == "2025-CT-000000000000123"
    who = worklist.requests[0].json["data"]["identifiers"]
    assert (who["patient_id"], who["patient_birth_date"]) == (patient_id, "1943.06.07")
    log = (tmp_path / "node" / "log").read_text()
    assert not [word for word in ("4711", "777777", "2025-CT", "1943") if word in log]


@pytest.mark.timeout(900)
def test_a_head_with_a_hole_is_undetermined_for_every_receiver(tmp_path: Path) -> None:
    """Without blood in what was read: the messages say what is missing and where."""
    secret, bundle = tmp_path / "secret", tmp_path / "negative.safetensors"
    secret.write_text(base64.b64encode(bytes(32)).decode())
    write_untrained_bundle(bundle, threshold=0.9999)
    head = head_series(14)
    with (
        pacs() as peer,
        mllp_receiver() as ris,
        web_receiver() as worklist,
        running_node(
            tmp_path / "node",
            peer.port,
            bundle=bundle,
            more=IDENTIFIED.format(mllp=ris.port, hook=worklist.url, secret=secret),
        ) as node,
    ):
        send(head[:5] + head[9:], node.port)
        wait_until(lambda: ris.received and worklist.requests, seconds=240, what="the messages")
    answer, *others = [
        segment.split("|") for segment in ris.received[0].split("\r") if segment[:3] == "OBX"
    ]
    assert answer[5].startswith("UNDETERMINED^")
    missing = [fields[5] for fields in others if fields[3].startswith("MISSING^")]
    assert any("Instance Numbers 5, 10" in text for text in missing), missing
    (event,) = (request.json for request in worklist.requests)
    assert event["type"] == "hemorrhage.undetermined"
    hole = next(part for part in event["data"]["missing"] if part["part"] == "hole")
    assert hole["to_mm"] - hole["from_mm"] == pytest.approx(50)
    assert hole["instance_numbers"] == [5, 10]
