"""The whole way, with a real PACS that routes CT to the node by its own rule."""

import json
import re
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from ich_node.commission import phantom
from ich_node.commission.checks import CheckOutcome
from ich_node.commission.record import Records
from ich_node.phantom import make_study
from tests.commission.conftest import CONFIG
from tests.support.command_line import ich_node
from tests.support.peers import free_port, orthanc, wait_until
from tests.support.running import node_processes

ROUTE = """
function OnStoredInstance(instanceId, tags, metadata, origin)
  if tags["Modality"] == "CT" then
    SendToModality(instanceId, "ich")
  end
end
"""


def instances_in(url: str, study: str) -> set[str]:
    """The SOP Instance UIDs that Orthanc has of a study."""
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": study}, "Expand": True}
    request = urllib.request.Request(f"{url}/tools/find", data=json.dumps(query).encode())
    with urllib.request.urlopen(request) as answer:
        return {each["MainDicomTags"]["SOPInstanceUID"] for each in json.load(answer)}


def test_through_the_pacs_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bleeds are found, the PACS has and lists every result, the report says so; the results
    can be withdrawn.
    """
    # fewer and smaller slices of the same head
    monkeypatch.setattr(phantom, "make_study", partial(make_study, rows=256, slice_mm=10.0))
    own_port, rule, node_folder = free_port(), tmp_path / "route.lua", tmp_path / "node"
    rule.write_text(ROUTE)
    node_folder.mkdir()
    ours = {"ich": ["ICHNODE", "127.0.0.1", own_port]}
    with orthanc(
        tmp_path / "pacs", ae_title="PACS", LuaScripts=[str(rule)], DicomModalities=ours
    ) as peer:
        query = f'[sources.query]\nhost = "127.0.0.1"\nport = {peer.dicom_port}'
        config = CONFIG.format(
            folder=node_folder,
            port=peer.dicom_port,
            own_port=own_port,
            hosts='["127.0.0.1"]',
            query=query,
            more='[series]\nquiet_seconds = 2\ngrace_seconds = 1\n[analysis]\nengine = "torch"\n',
        )
        with node_processes(node_folder, config) as node:
            wait_until(
                lambda: len([e for e in node.ledger.heartbeats.all() if e.is_ready]) == 3,
                seconds=60,
                what="that all services are ready",
            )
            path, report = node_folder / "config.toml", tmp_path / "report.html"
            given = ("--through", "pacs", "--minutes", "2", "--out", report)
            ran = ich_node("commission", *given, config=path)
            assert (ran.exit_code, ran.stderr) == (0, ""), ran.stdout
            words = re.sub(r"\s+", " ", ran.stdout)
            assert "a mark lies on 2 of 2 planted bleeds (IPH, SDH)" in words
            assert "DEMONSTRATION MODEL, NOT FOR PATIENTS" in words
            (record,) = Records(node_folder / "spool").newest()
            assert {check.outcome for check in record.checks} == {
                CheckOutcome.PASSED,
                CheckOutcome.LOOK,
            }
            results = {each.sop_instance_uid for each in record.objects}
            assert {"sr", "overlay", "summary", "key_objects"} <= {e.kind for e in record.objects}
            assert all(each.listed for each in record.objects)
            assert results < instances_in(peer.url, record.study_instance_uid)
            times = record.times
            assert times.answer is not None
            assert times.report is not None
            assert times.last_result is not None
            assert 0 < times.answer <= times.report <= times.last_result
            html = report.read_text()
            assert "PASSED" in html
            assert "NOT PASSED" not in html
            assert all(uid in html for uid in results)
            assert "data:image/png;base64,iVBOR" in html
            assert not re.search(r"https?://|<link|<script", html)
            plan = ("jobs", "withdraw", record.job_id, "--quality", "--reason", "commissioning")
            assert ich_node(*plan, "--yes", config=path).exit_code == 0
            job = node.ledger.operator.get(record.job_id or 0)
            assert job is not None
            assert job.withdrawn_at is not None
