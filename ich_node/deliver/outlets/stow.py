"""Objects by STOW-RS (PS3.18 §10.5): one object a request, so that every answer is about one
object.

Taken means that the answer's Referenced SOP Sequence names the object: a 200 that does not is no
proof.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from secrets import token_hex

import httpx
from pydicom import dcmread
from pydicom.dataset import Dataset

from ich_node.config.destinations import StowDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.outlet import NotSent, Taken
from ich_node.deliver.outlets.secret import read_secret
from ich_node.deliver.outlets.web import HttpResponse, Web, web_client
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery

JSON = "application/dicom+json"
UNSUPPORTED_MEDIA_TYPE, NO_TRANSFER_SYNTAX = 415, 0xC122
# PS3.18 §I.2.2 and table 10.5.3-1
FAILURES = {
    0xA700: "out of resources",
    0xA900: "the data set does not match its SOP class",
    0xC000: "cannot be understood",
    0xC122: "its transfer syntax is not supported",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0122: "its SOP class is not supported",
    0x0124: "not authorised",
}
WARNINGS = {
    0xB000: "data elements were coerced",
    0xB006: "data elements were discarded",
    0xB007: "the data set does not match its SOP class",
}


class SyntaxNotTaken(NotSent):
    """The peer does not take this transfer syntax."""


@dataclass(frozen=True, kw_only=True)
class StowOutlet:
    destination: StowDestination
    tls: TlsSettings

    @contextmanager
    def connect(self, _batch: Sequence[Delivery], /) -> Iterator["StowLine"]:
        """See Outlet. The connection itself is made by the first request."""
        with self._client() as web:
            yield StowLine(web=web, url=self._url)

    def echo(self) -> str:
        """A query for one study (QIDO-RS), whose answer is not looked at."""
        with self._client() as web:
            answer = web.ask("GET", f"{self._url}?limit=1", headers={"accept": JSON})
        if not answer.ok:
            raise PeerUnavailable(f"{web.address} answers a query (QIDO-RS) with {answer.status}")
        return f"answers a query (QIDO-RS) with {answer.status}"

    @property
    def _url(self) -> str:
        return f"{str(self.destination.url).rstrip('/')}/studies"

    @contextmanager
    def _client(self) -> Iterator[Web]:
        with web_client(self.destination, self.tls, self._auth()) as web:
            yield web

    def _auth(self) -> httpx.Auth | None:
        if self.destination.token_file is not None:
            return Bearer(read_secret(self.destination.token_file, "token_file"))
        if self.destination.username is not None and self.destination.password_file is not None:
            return httpx.BasicAuth(
                self.destination.username,
                read_secret(self.destination.password_file, "password_file"),
            )
        return None


class Bearer(httpx.Auth):
    """RFC 6750 §2.1."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a generator without a send
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True, kw_only=True)
class StowLine:
    web: Web
    url: str

    def send(self, delivery: Delivery, data: bytes) -> Taken:
        """See Line. A peer that does not take compressed pixels gets the same ones as they are,
        under the same UID.
        """
        try:
            return self._post(delivery.sop_instance_uid, data)
        except SyntaxNotTaken:
            ds = dcmread(BytesIO(data))
            if not ds.file_meta.TransferSyntaxUID.is_compressed:
                raise
            ds.decompress(generate_instance_uid=False)
            plain = BytesIO()
            ds.save_as(plain, enforce_file_format=True)
            return self._post(delivery.sop_instance_uid, plain.getvalue())

    def _post(self, sop_instance_uid: str, data: bytes) -> Taken:
        boundary = token_hex(16)
        content = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
                data,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        headers = {
            "content-type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "accept": JSON,
        }
        return _judged(
            sop_instance_uid, self.web.ask("POST", self.url, content=content, headers=headers)
        )


def _judged(sop_instance_uid: str, answer: HttpResponse) -> Taken:
    """What the Store Instances Response Module (PS3.18 §I.2) says of the object. Raises NotSent."""
    if answer.status == UNSUPPORTED_MEDIA_TYPE:
        raise SyntaxNotTaken("the peer does not take the object's media type (415)")
    response = _module(answer)
    for item in response.get("FailedSOPSequence") or ():
        reason = item.get("FailureReason")
        words = f"the peer refuses the object: {_words(reason, FAILURES)}"
        raise SyntaxNotTaken(words) if reason == NO_TRANSFER_SYNTAX else NotSent(words)
    for item in response.get("ReferencedSOPSequence") or ():
        if item.get("ReferencedSOPInstanceUID") == sop_instance_uid:
            warning = item.get("WarningReason")
            return Taken(
                detail="" if warning is None else f"taken with warning: {_words(warning, WARNINGS)}"
            )
    raise NotSent(
        f"the peer answers {answer.status} and does not say that it has stored the object"
    )


def _module(answer: HttpResponse) -> Dataset:
    try:
        document = json.loads(answer.body)
        return Dataset.from_json(document[0] if isinstance(document, list) else document)
    except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
        raise NotSent(
            f"the peer answers {answer.status}, and not in DICOM JSON ({type(error).__name__})"
        ) from None


def _words(code: int | None, table: dict[int, str]) -> str:
    if code is None:
        return "it does not say why"
    known = table.get(code) or table.get(code & 0xFF00, "for another reason")
    return f"{known} (0x{code:04X})"
