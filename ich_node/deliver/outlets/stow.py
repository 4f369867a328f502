"""Objects by STOW-RS (PS3.18 §10.5), one object in each request, so that every answer is about one
object.

An object is stored if the answer names it: in its Referenced SOP Sequence, or as already there. A
status of 200 alone is no proof.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from secrets import token_hex

import httpx
from pydicom import dcmread
from pydicom.dataset import Dataset
from typing_extensions import override

from ich_node.config.destinations import StowDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.outlet import ALREADY_THERE, NotSent, Outcome, Sent
from ich_node.deliver.outlets.web import HttpResponse, Web, web_client
from ich_node.deliver.secret import read_secret
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
    0x0122: "its SOP class is not supported",
    0x0124: "not authorised",
}
WARNINGS = {
    0xB000: "data elements were coerced",
    0xB006: "data elements were discarded",
    0xB007: "the data set does not match its SOP class",
}
# Our UIDs are made from the content: the peer has the same object. 0xB00E is in no table of the
# standard; DICOM services in the cloud answer it with status 409.
DUPLICATES = frozenset({0x0111, 0xB00E})


@dataclass(frozen=True, kw_only=True)
class TransferSyntaxNotSupported(NotSent):
    """The peer does not accept the transfer syntax of the object."""


@dataclass(frozen=True, kw_only=True)
class StowOutlet:
    destination: StowDestination
    tls: TlsSettings

    @contextmanager
    def connect(self, _batch: Sequence[Delivery], /) -> Iterator["StowConnection"]:
        """See Outlet. The connection itself is made by the first request."""
        with self.client() as web:
            yield StowConnection(web=web, url=self._url)

    def echo(self) -> str:
        """A query for one study (QIDO-RS), whose answer is not read."""
        with self.client() as web:
            answer = web.ask("GET", f"{self._url}?limit=1", headers={"accept": JSON})
        if not answer.ok:
            raise PeerUnavailable(f"{web.address} answers a query (QIDO-RS) with {answer.status}")
        return f"answers a query (QIDO-RS) with {answer.status}"

    @property
    def _url(self) -> str:
        return f"{str(self.destination.url).rstrip('/')}/studies"

    @contextmanager
    def client(self) -> Iterator[Web]:
        """Open, with the credentials of the destination. Raises ConfigError."""
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

    @override
    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a generator without a send
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True, kw_only=True)
class StowConnection:
    web: Web
    url: str

    def send(self, delivery: Delivery, data: bytes, /) -> Outcome:
        """See Connection. A peer that does not accept compressed pixels gets the same pixels
        uncompressed, under the same SOP Instance UID.
        """
        outcome = self._post(delivery.sop_instance_uid, data)
        if not isinstance(outcome, TransferSyntaxNotSupported):
            return outcome
        ds = dcmread(BytesIO(data))
        if not ds.file_meta.TransferSyntaxUID.is_compressed:
            return outcome
        ds.decompress(generate_instance_uid=False)
        uncompressed = BytesIO()
        ds.save_as(uncompressed, enforce_file_format=True)
        return self._post(delivery.sop_instance_uid, uncompressed.getvalue())

    def _post(self, sop_instance_uid: str, data: bytes) -> Outcome:
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
        response = self.web.ask("POST", self.url, content=content, headers=headers)
        return _outcome(sop_instance_uid, response)


def _outcome(sop_instance_uid: str, response: HttpResponse) -> Outcome:
    """What the Store Instances Response Module (PS3.18 §I.2) says about the object."""
    if response.status == UNSUPPORTED_MEDIA_TYPE:
        return TransferSyntaxNotSupported(
            reason="the peer does not take the object's media type (415)"
        )
    try:
        module = _response_module(response.body)
    except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
        if response.says_already_there(sop_instance_uid):
            return Sent(warning=f"{ALREADY_THERE}: status {response.status}")
        kind = type(error).__name__
        return NotSent(reason=f"the peer answers {response.status}, and not in DICOM JSON ({kind})")
    for item in module.get("FailedSOPSequence") or ():
        code = item.get("FailureReason")
        if code in DUPLICATES and item.get("ReferencedSOPInstanceUID") == sop_instance_uid:
            return Sent(warning=f"{ALREADY_THERE}: 0x{code:04X}")
        reason = f"the peer refuses the object: {_words(code, FAILURES)}"
        is_syntax = code == NO_TRANSFER_SYNTAX
        return TransferSyntaxNotSupported(reason=reason) if is_syntax else NotSent(reason=reason)
    for item in module.get("ReferencedSOPSequence") or ():
        if item.get("ReferencedSOPInstanceUID") == sop_instance_uid:
            code = item.get("WarningReason")
            if code in DUPLICATES:
                return Sent(warning=f"{ALREADY_THERE}: 0x{code:04X}")
            warning = "" if code is None else f"stored with a warning: {_words(code, WARNINGS)}"
            return Sent(warning=warning)
    if response.says_already_there(sop_instance_uid):
        return Sent(warning=f"{ALREADY_THERE}: status {response.status}")
    return NotSent(
        reason=f"the peer answers {response.status} and does not say that it has stored the object"
    )


def _response_module(body: bytes) -> Dataset:
    document = json.loads(body)
    return Dataset.from_json(document[0] if isinstance(document, list) else document)


def _words(code: int | None, table: Mapping[int, str]) -> str:
    if code is None:
        return "it does not say why"
    known = table.get(code) or table.get(code & 0xFF00, "for another reason")
    return f"{known} (0x{code:04X})"
