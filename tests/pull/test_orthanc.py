"""Pulled from a real archive, both ways."""

import json
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from ich_node.errors import PeerUnavailable
from ich_node.pull.asked import Accession, OneStudy
from ich_node.pull.choice import Decision
from ich_node.pull.fetch import Outcome
from tests.pull.conftest import PullingNode
from tests.support.heads import ROOT
from tests.support.peers import OrthancPeer, orthanc
from tests.support.query_retrieve import series_of

STUDIES = {"dicom": 1, "web": 2}
COUNT = 4


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    folder = tmp_path_factory.mktemp("archive")
    with orthanc(folder / "orthanc", ae_title="PACS", DefaultEncoding="Utf8") as peer:
        for number in STUDIES.values():
            give(peer, *series_of(number, "Head 5.0", COUNT)[:-1])
            chest = series_of(number, "Thorax 5.0", 2)
            for ds in chest:
                ds.SeriesInstanceUID = f"{ROOT}{number}.2"
                ds.SOPInstanceUID = ds.SOPInstanceUID.replace(".1.", ".2.")
            give(peer, *chest)
        yield peer


def give(peer: OrthancPeer, *datasets: Dataset) -> None:
    for ds in datasets:
        file = BytesIO()
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        ask(f"{peer.url}/instances", "POST", file.getvalue())


def ask(url: str, method: str, body: bytes) -> None:
    request = urllib.request.Request(url, data=body, method=method)
    urllib.request.urlopen(request, timeout=20).close()


def stored_at(node: PullingNode) -> list[Dataset]:
    """What the node keeps of its newest job."""
    instances = node.ledger.operator.instances(node.job)
    return [pydicom.dcmread(node.spool.absolute(one.path)) for one in instances]


@pytest.mark.parametrize("way", STUDIES)
def test_a_missed_series_is_pulled_once(node: PullingNode, archive: OrthancPeer, way: str) -> None:
    """By accession number; then it is here. One image more in the archive, and the series is
    incomplete until it is pulled again. Chests are never pulled.
    """
    if way == "web" and not Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so").exists():
        pytest.skip("orthanc-dicomweb is not installed (make peers)")
    number = STUDIES[way]
    own = {"AET": "ICHNODE", "Host": "127.0.0.1", "Port": node.port}
    ask(f"{archive.url}/modalities/node", "PUT", json.dumps(own).encode())
    source = (
        node.web(f"{archive.url}/dicom-web") if way == "web" else node.dicom(archive.dicom_port)
    )
    asked = [Accession(line=3, number=f"A{number}"), Accession(line=4, number="MISSED")]
    chosen, found = node.chosen(source, asked)
    assert {one.series.uid: one.why for one in chosen} == {
        f"{ROOT}{number}.1": "new",
        f"{ROOT}{number}.2": "not a head: THORAX",
    }
    assert [one.words for one in found.nothing_for] == ["line 4"]
    (fetched,) = node.pull(source, asked)
    assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, COUNT - 1)
    assert node.pull(source, asked) == []

    give(archive, *series_of(number, "Head 5.0", COUNT)[-1:])
    one_study = [OneStudy(uid=f"{ROOT}{number}")]
    chosen, _ = node.chosen(source, one_study)
    whys = [one.why for one in chosen if one.decision is Decision.FETCH]
    assert whys == [f"incomplete: {COUNT - 1} of {COUNT}"]
    (fetched,) = node.pull(source, one_study)
    assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, COUNT)
    assert node.pull(source, one_study) == []

    sent = series_of(number, "Head 5.0", COUNT)
    assert {ds.SOPInstanceUID: ds.PixelData for ds in stored_at(node)} == {
        ds.SOPInstanceUID: ds.PixelData for ds in sent
    }
    assert node.job.source == "pacs"
    if way == "web":
        assert node.job.accession_hmac == node.search_key.accession(f"A{number}")


def test_orthanc_does_not_know_us(node: PullingNode, archive: OrthancPeer) -> None:
    """It refuses the question, or the move destination; both have a sentence that says what to
    do there.
    """
    own = {"AET": "OTHER", "Host": "127.0.0.1", "Port": node.port}
    ask(f"{archive.url}/modalities/node", "PUT", json.dumps(own).encode())
    stranger = node.dicom(archive.dicom_port)
    with pytest.raises(PeerUnavailable, match="does it let 'ICHNODE' ask"):
        node.chosen(stranger, [OneStudy(uid=f"{ROOT}1")])
    known = node.dicom(archive.dicom_port, calling_ae_title="OTHER")
    (fetched,) = node.pull(known, [OneStudy(uid=f"{ROOT}1")])
    assert fetched.outcome is Outcome.FAILED
    assert "'ICHNODE'" in fetched.detail
