"""QIDO-RS and WADO-RS (PS3.18 §10.6, §10.4). This node fetches the objects itself.

httpx, as for everything on the web. dicomweb-client was looked at: it brings a second HTTP library,
logs whole queries with what they ask for, follows redirects, has no limits on an answer, and gives
datasets and not the bytes that were sent.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
from pydicom.dataset import Dataset

from ich_node.config.query import DicomWebQuery
from ich_node.config.settings import Source, TlsSettings
from ich_node.deliver.outlets.stow import JSON, StowOutlet
from ich_node.deliver.outlets.web import Web
from ich_node.deliver.own_files import require_own_files
from ich_node.errors import PeerUnavailable
from ich_node.pull.archive import MOST_MATCHES, Level, Matches
from ich_node.pull.handover import Entrance, Handover, OtherTransferSyntax
from ich_node.pull.multipart import boundary_of, parts

SECTION = "[sources.query]"
PAGE = 100
NO_CONTENT, NOT_FOUND, TOO_MANY = 204, 404, 413
# As the objects are stored; a service that does not know the asterisk, or has them in a transfer
# syntax that this node does not read, gives Explicit VR Little Endian, the default (PS3.18 §8.7.3)
DICOM_FILES = 'multipart/related; type="application/dicom"'
AS_STORED = f"{DICOM_FILES}; transfer-syntax=*"
NOT_ACCEPTABLE = (400, 406, 415)
RETRIEVE_SECONDS = 600.0
UNIQUE_KEY: dict[Level, str] = {
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}


@dataclass(frozen=True, kw_only=True)
class DicomWebArchive:
    """entrance: where the fetched objects go; None if none will be."""

    source: Source
    query: DicomWebQuery
    tls: TlsSettings
    entrance: Entrance | None

    @contextmanager
    def search(self) -> Iterator["DicomWebSearch"]:
        """See Archive."""
        with self._client() as web:
            yield DicomWebSearch(web=web, url=self._url)

    def retrieve(self, study_instance_uid: str, series_instance_uid: str, /) -> str:
        """See Archive."""
        assert self.entrance is not None, "only questions are asked"
        path = f"{self._url}/studies/{study_instance_uid}/series/{series_instance_uid}"
        with (
            self._client() as web,
            self.entrance.open(study_instance_uid, series_instance_uid) as handover,
        ):
            try:
                is_accepted = _fetch(web, path, AS_STORED, handover)
            except OtherTransferSyntax:
                is_accepted = False
            if not is_accepted:
                try:
                    _fetch(web, path, DICOM_FILES, handover, is_last=True)
                except OtherTransferSyntax as error:
                    syntax = str(error)
                    raise PeerUnavailable(
                        f"the source gives the series only in transfer syntax {syntax}, which this"
                        " node does not read"
                    ) from None
            if not handover.refused:
                return ""
            count = len(handover.refused)
            return f"{count} not stored; the first: {handover.refused[0]}"

    @contextmanager
    def _client(self) -> Iterator[Web]:
        service = self.query.service(self.source.name)
        require_own_files(service, self.tls, section=SECTION)
        with StowOutlet(destination=service, tls=self.tls).client() as web:
            yield web

    @property
    def _url(self) -> str:
        return str(self.query.url).rstrip("/")


@dataclass(frozen=True, kw_only=True)
class DicomWebSearch:
    """Questions, page by page: a service may limit each answer."""

    web: Web
    url: str

    def find(self, level: Level, query: Dataset, /) -> Matches:
        """See SourceSearch."""
        found: dict[str, Dataset] = {}
        offset = 0
        while offset < MOST_MATCHES:
            page = self._page(level, query, offset)
            offset += len(page)
            known = len(found)
            found |= {str(ds.get(UNIQUE_KEY[level], "")): ds for ds in page}
            if not page:
                return Matches(datasets=list(found.values()))
            if len(found) == known:  # it does not know the parameter offset
                cut_off = (
                    "" if len(page) < PAGE else "the source gives no second page of its answer"
                )
                return Matches(datasets=list(found.values()), cut_off=cut_off)
        cut_off = f"more than {MOST_MATCHES} matches"
        return Matches(datasets=list(found.values()), cut_off=cut_off)

    def _page(self, level: Level, query: Dataset, offset: int) -> list[Dataset]:
        address = f"{self.url}{_path(level, query)}?{_parameters(level, query, offset)}"
        answer = self.web.ask("GET", address, headers={"accept": JSON})
        if answer.status == TOO_MANY:
            raise PeerUnavailable(f"{self.web.address} has too many matches: ask for less at once")
        if not answer.ok:
            raise PeerUnavailable(f"{self.web.address} answers a query with {answer.status}")
        if answer.status == NO_CONTENT or not answer.body:
            return []
        try:
            return [Dataset.from_json(match) for match in json.loads(answer.body)]
        except Exception as error:  # noqa: BLE001 - the library's parser on a peer's bytes
            kind = type(error).__name__
            raise PeerUnavailable(
                f"{self.web.address} answers a query, and not in DICOM JSON ({kind})"
            ) from None


def _path(level: Level, query: Dataset) -> str:
    if level == "STUDY":
        return "/studies"
    series = f"/studies/{query.StudyInstanceUID}/series"
    return series if level == "SERIES" else f"{series}/{query.SeriesInstanceUID}/instances"


def _parameters(level: Level, query: Dataset, offset: int) -> str:
    """Values are matched exactly, attributes without a value are asked for."""
    in_path = {"SpecificCharacterSet"} | (
        {"StudyInstanceUID", "SeriesInstanceUID"} if level != "STUDY" else set()
    )
    given: list[tuple[str, object]] = [
        (element.keyword, element.value) if element.value else ("includefield", element.keyword)
        for element in query
        if element.keyword not in in_path or not element.value
    ]
    return urlencode([*given, ("limit", PAGE), ("offset", offset)])


def _fetch(web: Web, url: str, accept: str, handover: Handover, *, is_last: bool = False) -> bool:
    """Whether the service gives the series so. Raises PeerUnavailable, OtherTransferSyntax."""
    with web.stream("GET", url, headers={"accept": accept}) as answer:
        status = answer.status_code
        if status in NOT_ACCEPTABLE and not is_last:
            return False
        if status == NOT_FOUND:
            raise PeerUnavailable("the source does not have the series any more (404)")
        web.check(status)
        boundary = boundary_of(answer.headers.get("content-type", ""))
        if not answer.is_success or boundary is None:
            raise PeerUnavailable(
                f"{web.address} answers {status} and no multipart of DICOM objects"
            )
        most_bytes = handover.entrance.store.scp.max_object_bytes
        for file in parts(_in_time(answer), boundary, most_bytes=most_bytes):
            handover.add(file)
    return True


def _in_time(answer: httpx.Response) -> Iterator[bytes]:
    """Raises PeerUnavailable if the answer takes too long."""
    deadline = time.monotonic() + RETRIEVE_SECONDS
    for chunk in answer.iter_raw():
        if time.monotonic() > deadline:
            raise PeerUnavailable(f"the series did not come within {RETRIEVE_SECONDS:g} s")
        yield chunk
