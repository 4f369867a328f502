"""docs/routing.md: the rule for Orthanc, in a real Orthanc, as it is written there."""

import json
import re
from io import BytesIO
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom import Dataset

from ich_node.config.settings import Source
from tests.support import REPOSITORY
from tests.support.heads import ROOT
from tests.support.listening import ListeningNode, StartNode
from tests.support.peers import orthanc, wait_until
from tests.support.query_retrieve import series_of

COUNT = 3
HEAD, DESCRIBED, UNNAMED, CHEST, RESULT = 1, 2, 3, 4, 5
HEADS = {f"{ROOT}{number}" for number in (HEAD, DESCRIBED, UNNAMED)}


def block(language: str) -> str:
    """The code in that language, of the section about Orthanc."""
    text = (REPOSITORY / "docs" / "routing.md").read_text(encoding="utf-8")
    section = text.split("\n## Orthanc\n")[1].split("\n## ")[0]
    (code,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(code)


@pytest.fixture
def node(start_node: StartNode) -> ListeningNode:
    return start_node(sources=(Source(name="orthanc", ae_title="ORTHANC", hosts=("127.0.0.1",)),))


def test_orthanc_routes_heads_and_nothing_else(node: ListeningNode, tmp_path: Path) -> None:
    """A head by its body part or its description, and what names no part; no chest, and nothing
    that is no CT. Each series with one job, so with one association.
    """
    settings = json.loads(block("json"))
    settings["DicomModalities"]["ichnode"] |= {"Host": "127.0.0.1", "Port": node.port}
    assert settings["LuaScripts"] == ["/etc/orthanc/ichnode.lua"]
    script = tmp_path / "ichnode.lua"
    script.write_text(block("lua"), encoding="utf-8")
    settings |= {"LuaScripts": [str(script)], "StableAge": 1}
    series = (
        *series_of(RESULT, "ICH AI SR", COUNT, Modality="OT", BodyPartExamined="HEAD"),
        *series_of(CHEST, "Thorax 5.0", COUNT, BodyPartExamined="CHEST"),
        *series_of(UNNAMED, "5.0 H31s", COUNT),
        *series_of(DESCRIBED, "Kopf nativ", COUNT, BodyPartExamined="CHEST"),
        *series_of(HEAD, "5.0 H31s", COUNT, BodyPartExamined="HEAD"),
    )
    with orthanc(tmp_path / "orthanc", **settings) as peer:
        for ds in series:
            httpx.post(f"{peer.url}/instances", content=file_of(ds), timeout=60).raise_for_status()
        wait_until(lambda: len(received(node)) == len(HEADS) * COUNT, what="the heads", seconds=60)
        jobs = httpx.get(f"{peer.url}/jobs?expand", timeout=60).json()
    assert sorted(received(node)) == sorted(
        ds.SOPInstanceUID for ds in series if ds.StudyInstanceUID in HEADS
    )
    assert sorted(job["Content"]["InstancesCount"] for job in jobs) == [COUNT] * len(HEADS)


def received(node: ListeningNode) -> list[str]:
    """SOP Instance UIDs."""
    return [
        instance.sop_instance_uid
        for job in node.ledger.operator.list()
        for instance in node.ledger.operator.instances(job)
    ]


def file_of(ds: Dataset) -> bytes:
    file = BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()
