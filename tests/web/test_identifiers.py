"""Who the patient is: shown to those who may see it, read from the spool, looked at in the journal,
and in no address.
"""

import re

import httpx
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.site import running_site

PROXY = {"user_header": "X-Forwarded-User", "proxies": ("127.0.0.1",)}
SHOWN = ("Müller Ada", "P-82", "19500102", "ACC-1006")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The header of series 7 is in the spool."""
    with (
        a_busy_day(tmp_path_factory.mktemp("identifiers")) as config,
        running_site(config, identifiers=True, **PROXY) as site,
    ):
        _write_header(site.site, 7)
        yield site


@pytest.fixture
def client(site):
    """Behind a proxy that speaks TLS with the browser."""
    headers = {"X-Forwarded-User": "bob", "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=site.address, headers=headers, follow_redirects=False) as client:
        cookie = client.get("/series").headers["set-cookie"].partition(";")[0]
        client.headers["Cookie"] = cookie
        yield client


def _write_header(site, number: int) -> None:
    job = site.ledger.operator.get(number)
    path = site.spool.absolute(site.ledger.operator.instances(job)[0].path)
    header = pydicom.Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "2.25.1"
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName, header.PatientID = "Müller^Ada", "P-82"
    header.PatientBirthDate, header.AccessionNumber = "19500102", "ACC-1006"
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def _journal(site, count: int = 1) -> list[tuple[str, str, str, str | None]]:
    newest = site.site.ledger.audit.newest(limit=count)
    return [(each.who, each.action, each.target, each.study_instance_uid) for each in newest]


def _find(client, site, **fields: str) -> httpx.Response:
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/series").text)
    assert csrf
    origin = site.address.replace("http:", "https:")
    return client.post("/series/find", data={"csrf": csrf[1], **fields}, headers={"Origin": origin})


def test_the_patient_is_shown_and_the_look_recorded(site, client):
    """On the pages of the series and the study; the ledger keeps who looked at which study."""
    study = site.site.ledger.operator.get(7).study_instance_uid
    for path in ("/series/7", f"/studies/{study}"):
        page = client.get(path).text
        for value in SHOWN:
            assert value in page
        assert _journal(site) == [("bob", "look", "job 7", study)]
    before = site.site.ledger.audit.newest(limit=1)
    for path in ("/series", "/studies", "/series/7/progress"):
        page = client.get(path).text
        assert not any(value in page for value in SHOWN)
    assert site.site.ledger.audit.newest(limit=1) == before


def test_where_the_files_are_gone_nobody_is_named(client):
    """And the page says so."""
    assert "not known any more: the files were removed" in client.get("/series/2").text


def test_without_encryption_nothing_is_shown(site):
    """The proxy says that the browser speaks plain HTTP."""
    headers = {"X-Forwarded-User": "bob", "X-Forwarded-Proto": "http"}
    with httpx.Client(base_url=site.address, headers=headers, follow_redirects=True) as client:
        page = client.get("/series/7").text
        assert not any(value in page for value in SHOWN)


def test_series_are_found_by_what_identifies_the_patient(site, client):
    """By accession number or patient ID; neither stands in the page, the address or the journal."""

    def numbers(page: httpx.Response) -> list[int]:
        return [int(number) for number in re.findall(r'id="job-(\d+)"', page.text)]

    found = _find(client, site, accession=" acc-1003 ")
    assert numbers(found) == [4, 3]
    assert "acc-1003" not in found.text.lower()
    study = site.site.ledger.operator.get(4).study_instance_uid
    assert _journal(site) == [("bob", "search", "accession", study)]
    assert numbers(_find(client, site, patient="P-82")) == [7, 2]
    looks = _journal(site, 2)
    assert {(action, target) for _, action, target, _ in looks} == {("search", "patient")}
    assert {study for *_, study in looks} == {
        site.site.ledger.operator.get(number).study_instance_uid for number in (2, 7)
    }
    assert numbers(_find(client, site, patient="P-82", accession="ACC-1002")) == [2]
    unknown = _find(client, site, accession="ACC-1")
    assert numbers(unknown) == []
    assert _journal(site) == [("bob", "search", "accession", None)]
    assert "Perhaps the series did not arrive" in unknown.text
    assert "give an accession number or a patient ID" in _find(client, site).text
