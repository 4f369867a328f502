"""STOW-RS: an object is sent when the archive names it as stored; against Orthanc's DICOMweb
plugin, and one that misbehaves.
"""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from ich_node.config.destinations import StowDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import echo
from ich_node.ledger import DeliveryState
from ich_node.network.tls import server_context
from tests.support.certificates import authority
from tests.support.node import open_node
from tests.support.notifying import NotifyingNode
from tests.support.peers import need, orthanc
from tests.support.results import ROOT, give_results, result_object
from tests.support.web_receiver import WebReceiver, web_receiver

REFERENCED, FAILED, WARNING, REASON, UID = (
    "00081199",
    "00081198",
    "00081196",
    "00081197",
    "00081155",
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NotifyingNode]:
    with open_node(tmp_path, NotifyingNode) as opened:
        yield opened


@pytest.fixture
def archive() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


def stow(url: str, **settings) -> StowDestination:
    return StowDestination(
        **{"name": "archive", "kind": "stow", "url": url, "timeout_seconds": 10, **settings}
    )


def owe(node: NotifyingNode, count: int = 1, *, compressed: bool = False) -> list[str]:
    objects = [result_object(index) for index in range(count)]
    for ds in objects if compressed else []:
        ds.compress(RLELossless, generate_instance_uid=False)
    give_results(node.ledger, node.spool, objects, ("archive",), node.clock.now)
    return [f"{ROOT}1.{index + 1}" for index in range(count)]


def stored_object(request) -> object:
    """The only part of a multipart/related body."""
    boundary = request.headers["content-type"].split("boundary=")[1].encode()
    head, _, rest = request.body.partition(b"\r\n\r\n")
    assert head == b"--" + boundary + b"\r\nContent-Type: application/dicom"
    return dcmread(BytesIO(rest.removesuffix(b"\r\n--" + boundary + b"--\r\n")))


def answers(sequence: str, status: int = 200, **values: int):
    """The Store Instances Response Module with this object in this sequence."""

    def answer(request):
        item = {UID: {"vr": "UI", "Value": [str(stored_object(request).SOPInstanceUID)]}}
        item |= {
            {"reason": REASON, "warning": WARNING}[name]: {"vr": "US", "Value": [code]}
            for name, code in values.items()
        }
        return (
            status,
            {"content-type": "application/dicom+json"},
            json.dumps({sequence: {"vr": "SQ", "Value": [item]}}).encode(),
        )

    return answer


def get(url: str):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_orthanc_stores_the_objects_as_they_are_in_the_spool(node, tmp_path):
    """Two of them in RLE, through the DICOMweb plugin; what Orthanc gives back is what was made."""
    need("Orthanc")
    if not Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so").exists():
        pytest.skip("orthanc-dicomweb is not installed (make peers)")
    uids = owe(node, 2, compressed=True)
    with orthanc(tmp_path / "orthanc") as peer:
        destination = stow(f"{peer.url}/dicom-web")
        assert "answers a query (QIDO-RS) with 200" in echo(destination, "ICHNODE").words
        node.sender(destination).send_due()
        assert node.states() == [DeliveryState.SENT] * 2, node.deliveries()
        instances = get(f"{peer.url}/instances?expand")
        assert sorted(
            instance["MainDicomTags"]["SOPInstanceUID"] for instance in instances
        ) == sorted(uids)
        for instance in instances:
            with urllib.request.urlopen(
                f"{peer.url}/instances/{instance['ID']}/file", timeout=20
            ) as answer:
                ds = dcmread(BytesIO(answer.read()))
            delivery = next(
                each for each in node.deliveries() if each.sop_instance_uid == ds.SOPInstanceUID
            )
            assert ds == dcmread(node.spool.absolute(delivery.path))


def test_orthanc_that_refuses_a_password_and_takes_another(node, tmp_path):
    """Basic authentication from a file; a wrong one is said to be that."""
    need("Orthanc")
    owe(node)
    password = tmp_path / "password"
    password.write_text("wrong\n")
    with orthanc(
        tmp_path / "orthanc", AuthenticationEnabled=True, RegisteredUsers={"node": "right"}
    ) as peer:
        destination = stow(f"{peer.url}/dicom-web", username="node", password_file=password)
        node.sender(destination).send_due()
        assert "answers 401: it does not accept our credentials" in node.detail()
        password.write_text("right\n")
        assert echo(destination, "ICHNODE").ok
        node.clock.now = datetime(2026, 1, 1, 13, tzinfo=UTC)
        node.sender(destination).send_due()
    assert node.states() == [DeliveryState.SENT]


def test_each_object_is_one_request(node, archive):
    """With a type, a boundary and a token; nothing but the answer says that it is stored."""
    uids = owe(node, 2)
    archive.answer = answers(REFERENCED)
    node.sender(stow(f"{archive.url}/")).send_due()
    assert node.states() == [DeliveryState.SENT] * 2
    assert [stored_object(request).SOPInstanceUID for request in archive.requests] == uids
    assert {request.path for request in archive.requests} == {"/hook/studies"}
    assert {request.headers["accept"] for request in archive.requests} == {"application/dicom+json"}


def test_the_token_comes_from_its_file(node, archive, tmp_path):
    """And goes into the header, nowhere else."""
    owe(node)
    token = tmp_path / "token"
    token.write_text("ey.SECRET\n")
    archive.answer = answers(REFERENCED)
    node.sender(stow(archive.url, token_file=token)).send_due()
    assert archive.requests[0].headers["authorization"] == "Bearer ey.SECRET"


def test_a_warning_is_sent_and_remembered(node, archive):
    owe(node)
    archive.answer = answers(REFERENCED, 202, warning=0xB000)
    node.sender(stow(archive.url)).send_due()
    assert node.states() == [DeliveryState.SENT]
    assert node.detail() == "stored with a warning: data elements were coerced (0xB000)"


def says(text: str, status: int = 409):
    """A text about the object of the request ({uid})."""

    def answer(request):
        uid = str(stored_object(request).SOPInstanceUID)
        return status, {}, text.format(uid=uid).encode()

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answers(FAILED, 409, reason=0xB00E), "already there: 0xB00E"),
        (answers(FAILED, 200, reason=0xB00E), "already there: 0xB00E"),
        (answers(FAILED, 409, reason=0x0111), "already there: 0x0111"),
        (answers(REFERENCED, 202, warning=0xB00E), "already there: 0xB00E"),
        (says("SOP instance {uid} already exists."), "already there: status 409"),
        (says('{{"error": "Duplicate instance", "uid": "{uid}"}}'), "already there: status 409"),
    ],
)
def test_what_is_already_there_is_sent(node, archive, answer, words):
    """The archive has stored the object, and its answer was lost: it refuses the repetition."""
    owe(node)
    archive.answer = answer
    node.sender(stow(archive.url)).send_due()
    assert node.states() == [DeliveryState.SENT]
    assert node.detail() == words


def answers_about_another(request):
    """A duplicate that is not ours."""
    status, headers, body = answers(FAILED, 409, reason=0xB00E)(request)
    uid = str(stored_object(request).SOPInstanceUID)
    return status, headers, body.replace(uid.encode(), b"1.2.3")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answers_about_another, "the peer refuses the object: for another reason (0xB00E)"),
        (says("the patient of {uid} has another name"), "the peer answers 409, and not in DICOM"),
        (says("{uid}.7 already exists"), "the peer answers 409, and not in DICOM"),
        (says("the study already exists"), "the peer answers 409, and not in DICOM"),
        (says("{uid} already exists", 400), "the peer answers 400, and not in DICOM"),
        (
            answers(FAILED, 409, reason=0xA700),
            "the peer refuses the object: out of resources (0xA700)",
        ),
        (
            answers(FAILED, 202, reason=0xA9FF),
            "the peer refuses the object: the data set does not match its SOP class (0xA9FF)",
        ),
        (
            answers(FAILED, 200, reason=0x0110),
            "the peer refuses the object: processing failure (0x0110)",
        ),
        (
            answers(FAILED, 409, reason=0x1234),
            "the peer refuses the object: for another reason (0x1234)",
        ),
        (answers(FAILED, 409), "the peer refuses the object: it does not say why"),
        (
            lambda _: (200, {}, b"{}"),
            "the peer answers 200 and does not say that it has stored the object",
        ),
        (lambda _: (200, {}, b""), "the peer answers 200, and not in DICOM JSON"),
        (lambda _: (200, {}, b"<xml/>"), "the peer answers 200, and not in DICOM JSON"),
        (lambda _: (400, {}, b'{"00081198": 3}'), "the peer answers 400, and not in DICOM JSON"),
        (lambda _: (503, {}, b""), "answers 503: it has a problem of its own"),
        (lambda _: (403, {}, b"Doe^Jane may not"), "answers 403: it does not let us in"),
    ],
)
def test_whatever_does_not_name_the_object_as_stored_is_not_sent(node, archive, answer, words):
    """A status of 2xx is no proof; the reason is kept, without the text of the archive."""
    owe(node)
    archive.answer = answer
    node.sender(stow(archive.url)).send_due()
    assert node.states() == [DeliveryState.PENDING]
    assert words in node.detail()
    assert "Doe" not in node.detail()


@pytest.mark.parametrize("refusal", [answers(FAILED, 409, reason=0xC122), lambda _: (415, {}, b"")])
def test_an_archive_without_rle_gets_the_same_pixels_uncompressed(node, archive, refusal):
    """Under the same UID."""
    (uid,) = owe(node, compressed=True)
    archive.answer = lambda request: (
        refusal(request)
        if stored_object(request).file_meta.TransferSyntaxUID == RLELossless
        else answers(REFERENCED)(request)
    )
    node.sender(stow(archive.url)).send_due()
    assert node.states() == [DeliveryState.SENT]
    first, second = (stored_object(request) for request in archive.requests)
    assert second.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert first.SOPInstanceUID == second.SOPInstanceUID == uid
    assert (first.pixel_array == second.pixel_array).all()


def test_over_tls(node, tmp_path):
    """https:// by our own authority, with our certificate for an archive that asks."""
    ours = authority(tmp_path / "ours")
    own = ours.issue("/CN=ichnode")
    tls = TlsSettings(certificate=own.certificate, key=own.key, ca=ours.ca)
    owe(node)
    with web_receiver(context=server_context(tls)) as archive:
        archive.answer = answers(REFERENCED)
        node.sender(stow(archive.url), tls=tls).send_due()
    assert node.states() == [DeliveryState.SENT]
