"""An answer is taken back at a real archive, a reporting system and a worklist."""

import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from ich_node.config.load import load_config
from ich_node.notification import KIND
from tests.support.analysing import AnalysingNode
from tests.support.command_line import ich_node
from tests.support.mllp_receiver import mllp_receiver
from tests.support.node import open_node
from tests.support.peers import need, orthanc
from tests.support.sending import SendingNode
from tests.support.study_answers import read_all
from tests.support.study_series import reconstruction
from tests.support.web_receiver import web_receiver

CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[[destinations]]
name = "pacs"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {dicom}
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
secret_file = "{folder}/secret"
"""
WITHDRAW = ("jobs", "withdraw", 1, "--reason", "filed under Quisling", "--wrong-patient", "--yes")


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_an_answer_is_taken_back(tmp_path: Path, untrained_bundle: Path) -> None:
    """Orthanc files the note in the study, where it names every object that it got; RIS and
    worklist hear that the answer is withdrawn, and what the operator wrote stays here.
    """
    need("Orthanc")
    (tmp_path / "secret").write_text(base64.b64encode(bytes(32)).decode())
    with (
        orthanc(tmp_path / "orthanc") as archive,
        mllp_receiver() as ris,
        web_receiver() as worklist,
    ):
        path = tmp_path / "config.toml"
        path.write_text(
            CONFIG.format(
                folder=tmp_path, dicom=archive.dicom_port, mllp=ris.port, hook=worklist.url
            )
        )
        destinations = load_config(path).config.destinations
        with open_node(
            tmp_path, AnalysingNode, bundle=untrained_bundle, destinations=destinations
        ) as node:
            sending = SendingNode(
                folder=tmp_path, ledger=node.ledger, spool=node.spool, clock=node.clock
            )
            node.receive(reconstruction(2))
            read_all(node)
            while sending.sender(*destinations).send_due():
                pass
            delivered = {each.sop_instance_uid for each in node.deliveries() if each.kind != KIND}
            named = ich_node(*WITHDRAW, "--reason", "filed under Quisling, not Jane", config=path)
            assert (named.exit_code, "names the patient of job 1" in named.stderr) == (2, True)
            ran = ich_node(*WITHDRAW, config=path)
            assert (ran.exit_code, ran.stderr) == (0, "")
            node.clock.now = node.job.withdrawn_at
            while sending.sender(*destinations).send_due():
                pass
            shown = ich_node("jobs", "show", 1, config=path).stdout
        assert "withdrawn (wrong patient), was: present" in shown
        stored = {
            tags["SOPInstanceUID"]: instance["ID"]
            for instance in asked(f"{archive.url}/instances?expand")
            for tags in [instance["MainDicomTags"]]
        }
        (note,) = stored.keys() - delivered
        simple = asked(f"{archive.url}/instances/{stored[note]}/simplified-tags")
        (study,) = simple["CurrentRequestedProcedureEvidenceSequence"]
        assert {
            item["ReferencedSOPInstanceUID"]
            for series in study["ReferencedSeriesSequence"]
            for item in series["ReferencedSOPSequence"]
        } == delivered
        assert simple["ConceptNameCodeSequence"][0]["CodeValue"] == "113038"
        assert len(asked(f"{archive.url}/studies")) == 1
    message = ris.received[-1]
    assert parse_message(message, validation_level=VALIDATION_LEVEL.STRICT).validate()
    assert "|WITHDRAWN^" in message
    assert "\rPID|1||P1||Doe^Jane" in message
    event = worklist.requests[-1].json
    assert event["type"] == "hemorrhage.withdrawn"
    assert event["data"]["replaces"] == worklist.requests[0].json["data"]["uid"]
    assert event["data"]["withdrawal"] == {"code": "wrong_patient", "answer": "present"}
    assert (len(ris.received), len(worklist.requests)) == (2, 2)
    everything = json.dumps(simple) + message + json.dumps(event)
    assert "Quisling" not in everything
