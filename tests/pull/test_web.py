"""QIDO-RS and WADO-RS with a service that answers as it is told; Orthanc is in test_orthanc.py."""

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ich_node.errors import PeerUnavailable
from ich_node.pull.asked import Accession, OneStudy
from ich_node.pull.fetch import Outcome
from tests.pull.conftest import PullingNode
from tests.support.heads import ROOT
from tests.support.query_retrieve import series_of
from tests.support.web_receiver import Request, WebReceiver, web_receiver

STUDY = [OneStudy(uid=f"{ROOT}1")]
HEAD = series_of(1, "Head 5.0")
JSON = {"content-type": "application/dicom+json"}
MULTIPART = {"content-type": 'multipart/related; type="application/dicom"; boundary=edge'}


@pytest.fixture
def service() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


def files(datasets: Sequence[Dataset], *, is_whole: bool = True) -> bytes:
    body = b""
    for ds in datasets:
        file = BytesIO()
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        body += b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file.getvalue() + b"\r\n"
    return body + (b"--edge--\r\n" if is_whole else b"")


def described(ds: Dataset, images: int) -> Dataset:
    answer = Dataset()
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        answer[keyword] = ds[keyword]
    for keyword in ("StudyDate", "AccessionNumber", "Modality", "SeriesDescription"):
        answer[keyword] = ds[keyword]
    answer.NumberOfSeriesRelatedInstances = images
    return answer


def answers(
    held: Sequence[Dataset], body: bytes, *, page: int = 100, has_offset: bool = True
) -> object:
    """A service with these objects. page: it gives at most so many matches at once; has_offset: it
    knows that parameter. body: what it gives as the series.
    """

    def answer(request: Request) -> tuple[int, dict[str, str], bytes]:
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        unique = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID"}
        keyword = unique.get(path.rsplit("/", 1)[1], "SOPInstanceUID")
        if keyword == "SOPInstanceUID" and not path.endswith("/instances"):
            return 200, MULTIPART, body
        matches = list({ds[keyword].value: described(ds, len(held)) for ds in held}.values())
        start = int(query["offset"][0]) if has_offset else 0
        shown = matches[start : start + page]
        return 200, JSON, json.dumps([each.to_json_dict() for each in shown]).encode()

    return answer


def test_all_pages_of_an_answer_are_read(node: PullingNode, service: WebReceiver) -> None:
    """The service gives two matches at a time; each series is listed once. What is asked is in the
    query, never in a log.
    """
    held = [ds for number in range(1, 6) for ds in series_of(number, "Head", 1)]
    for ds in held:
        ds.StudyInstanceUID = f"{ROOT}1"
    service.answer = answers(held, b"", page=2)
    chosen, found = node.chosen(node.web(service.url), STUDY)
    assert len({one.series.uid for one in chosen}) == len(chosen) == 5
    assert found.doubts == []
    assert "StudyInstanceUID=" in service.requests[0].path
    assert all("fuzzymatching" not in request.path for request in service.requests)


def test_a_service_without_pages_is_not_asked_for_ever(
    node: PullingNode, service: WebReceiver
) -> None:
    """It gives the same again: whether it gave all depends on how many they are."""
    held = [ds for number in range(100) for ds in series_of(1000 + number, "Head", 1)]
    for ds in held:
        ds.StudyInstanceUID = f"{ROOT}1"
    service.answer = answers(held[:99], b"", has_offset=False)
    _, found = node.chosen(node.web(service.url), STUDY)
    assert found.doubts == []
    service.answer = answers(held, b"", has_offset=False)
    _, found = node.chosen(node.web(service.url), STUDY)
    assert found.doubts == [f"study {ROOT}1: the source gives no second page of its answer"]
    assert len(service.requests) == 8


def test_a_series_that_breaks_off_fails(node: PullingNode, service: WebReceiver) -> None:
    """What came is kept, as of a broken association: the series is not known to be whole."""
    service.answer = answers(HEAD, files(HEAD[:2], is_whole=False))
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert (fetched.outcome, fetched.detail) == (
        Outcome.FAILED,
        "the answer breaks off before its end",
    )
    assert (node.job.objects, node.job.transfer_aborted) == (1, True)
    service.answer = answers(HEAD, files(HEAD))
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert fetched.chosen.why == "incomplete: 1 of 3"
    assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, 3)
    assert not node.job.transfer_aborted


def test_objects_that_were_not_asked_for_are_not_kept(
    node: PullingNode, service: WebReceiver
) -> None:
    """Of another series, or no DICOM at all; those of other classes do not count."""
    capture = series_of(1, "Head 5.0", 4, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")[3]
    strange = series_of(2, "Head 5.0", 1)
    body = files([*HEAD, capture, *strange], is_whole=False) + b"--edge\r\n\r\nhello\r\n--edge--"
    service.answer = answers([*HEAD, capture], body)
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert (fetched.outcome, fetched.objects) == (Outcome.PULLED, 3)
    assert {job.series_instance_uid for job in node.ledger.operator.list()} == {f"{ROOT}1.1"}
    service.answer = answers(series_of(1, "Head 5.0", 4), files(strange))
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert "is of another series" in fetched.detail


def test_a_service_that_refuses_what_is_stored_gives_the_default(
    node: PullingNode, service: WebReceiver
) -> None:
    """One knows no asterisk, another has the series deflated, which this node does not read: both
    are asked for Explicit VR Little Endian. If that does not help, the transfer syntax is named.
    """
    deflated = series_of(1, "Head 5.0")
    for ds in deflated:
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    plain, other = answers(HEAD, files(HEAD)), answers(HEAD, files(deflated))
    service.answer = other
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert f"only in transfer syntax {DeflatedExplicitVRLittleEndian}" in fetched.detail

    def knows_no_asterisk(request: Request) -> tuple[int, dict[str, str], bytes]:
        if "transfer-syntax=*" in request.headers["accept"]:
            return 406, {}, b""
        return plain(request)

    service.answer = knows_no_asterisk
    (fetched,) = node.pull(node.web(service.url), STUDY)
    assert fetched.outcome is Outcome.PULLED
    (instance, *_) = node.ledger.operator.instances(node.job)
    assert instance.transfer_syntax_uid == ExplicitVRLittleEndian


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {}, b""), "answers 401: it does not accept our credentials"),
        ((413, {}, b""), "has too many matches: ask for less at once"),
        ((400, {}, b""), "answers a query with 400"),
        ((200, JSON, b"<html>A1</html>"), "not in DICOM JSON"),
        ((302, {"location": "http://elsewhere/"}, b""), "a redirect, which is not followed"),
    ],
)
def test_a_query_that_fails_is_explained(
    node: PullingNode, service: WebReceiver, answer: object, sentence: str
) -> None:
    """Without the accession number that it was about."""
    service.answer = lambda _: answer
    with pytest.raises(PeerUnavailable, match=sentence) as raised:
        node.chosen(node.web(service.url), [Accession(line=1, number="SECRET1")])
    assert "SECRET1" not in raised.value.detail
