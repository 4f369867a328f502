"""A PACS forwards multi-frame CT and gets results that refer to its frames."""

import json
import re
import urllib.request
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset

from ich_node.answer import Answer
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.phantom import make_study
from ich_node.report import lesions_of
from ich_node.series.read import read_series
from tests.support.enhanced import concatenation, to_enhanced
from tests.support.peers import COMPREHENSIVE_3D_SR, orthanc, wait_until
from tests.support.report.sr_tree import groups, regions, tracking
from tests.support.running import running_node


def ask(url: str, data: bytes | None = None, method: str = "GET") -> Any:
    request = urllib.request.Request(url, data=data, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = answer.read()
    return json.loads(body) if body.strip()[:1] in (b"{", b"[") else body


def marks(document: Dataset, frames: dict[tuple[str, int], int]) -> list[tuple[str, int, float]]:
    """Lesion, slice and column of each mark."""
    found = []
    for group in groups(document):
        for region in regions(group):
            (item,) = region.ContentSequence[0].ReferencedSOPSequence
            index = frames[item.ReferencedSOPInstanceUID, int(item.ReferencedFrameNumber)]
            lesion = re.match(r"lesion \d+", tracking(group)[0])
            assert lesion
            found.append((lesion[0], index, round(region.GraphicData[0], 2)))
    return sorted(found)


@pytest.mark.parametrize(
    "form", ["one object", pytest.param("concatenation", marks=pytest.mark.extended)]
)
def test_through_orthanc_and_back(form: str, tmp_path: Path) -> None:
    """Orthanc stores the objects, sends them to the node, and holds the results: the answer is that
    of the classic series.
    """
    classic = make_study(7, bleeds=("IPH", "SDH"), rows=256, tilt_deg=0.0).datasets()
    count = len(classic)
    order = [*range(1, count, 2), *range(0, count, 2)]
    if form == "one object":
        sent = [to_enhanced(classic, order=order, intercepts=(-1024, -1000))]
        frames = {
            (str(sent[0].SOPInstanceUID), number): index
            for number, index in enumerate(order, start=1)
        }
    else:
        sent = concatenation(classic, [count // 2, count - count // 2])
        frames = {
            (str(part.SOPInstanceUID), number): part.ConcatenationFrameOffsetNumber + number - 1
            for part in sent
            for number in range(1, part.NumberOfFrames + 1)
        }
    with (
        orthanc(tmp_path / "orthanc", ae_title="CT1", UnknownSopClassAccepted=True) as pacs,
        running_node(tmp_path / "node", pacs.dicom_port, pacs_ae="CT1") as node,
    ):
        ids = []
        for ds in sent:
            file = BytesIO()
            pydicom.dcmwrite(file, ds, enforce_file_format=True)
            stored = ask(f"{pacs.url}/instances", file.getvalue(), "POST")
            ids.append(stored["ID"])
        peer = {"AET": "ICHNODE", "Host": "127.0.0.1", "Port": node.port}
        ask(f"{pacs.url}/modalities/node", json.dumps(peer).encode(), "PUT")
        ask(f"{pacs.url}/modalities/node/store", json.dumps(ids).encode(), "POST")
        wait_until(lambda: node.job_states() == ["DONE"], seconds=120, what="the reading")

        def held() -> list[Dataset]:
            return [
                pydicom.dcmread(BytesIO(ask(f"{pacs.url}/instances/{each}/file")))
                for each in ask(f"{pacs.url}/instances")
                if each not in ids
            ]

        (job,) = node.ledger.operator.list()
        expected = len(node.ledger.operator.results(job.id))
        wait_until(lambda: len(held()) == expected, seconds=60, what="the results")
        results = held()

    detector = Detector(open_bundle(shipped_bundle()))
    series = read_series(classic)
    reading = detector.read(series)
    assert reading.positive
    assert job.answer is Answer.PRESENT
    (report,) = (ds for ds in results if ds.SOPClassUID == COMPREHENSIVE_3D_SR)
    assert marks(report, frames) == sorted(
        (
            f"lesion {lesion.number}",
            mark.slice_index,
            round(mark.finding.column + 0.5, 2),
        )
        for lesion in lesions_of(series, reading)
        for mark in lesion.marks
    )
    assert {ds.StudyInstanceUID for ds in results} == {sent[0].StudyInstanceUID}
