"""A PACS that can be asked: pynetdicom as the SCP of C-FIND and C-MOVE, on a free port."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.events import Event

from tests.support.heads import ROOT, head_series
from tests.support.peers import CT, close_in_the_end, shut_down

FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
UNIQUE = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
CANCELLED, DESTINATION_UNKNOWN = 0xFE00, 0xA801


def series_of(number: int, description: str, count: int = 3, **attributes: Any) -> list[Dataset]:
    """A series of a study of its own."""
    series = head_series(count, rows=16, columns=16, SeriesDescription=description, **attributes)
    for index, ds in enumerate(series):
        ds.StudyInstanceUID = f"{ROOT}{number}"
        ds.SeriesInstanceUID = f"{ROOT}{number}.1"
        ds.SOPInstanceUID = f"{ROOT}{number}.1.{index + 1}"
        ds.AccessionNumber = f"A{number}"
    return series


@dataclass
class QueryRetrievePeer:
    """held: what it has. knows: hosts and ports by AE title. most_matches: it ends longer answers.
    ignores_keys: it answers every question with all that it has. fails: the status of a question or
    retrieval, by the UID in it. loses: SOP Instance UIDs that it does not send. on_move: called
    when a retrieval begins.
    """

    held: Sequence[Dataset]
    knows: Mapping[str, int] = field(default_factory=dict)
    port: int = 0
    most_matches: int | None = None
    ignores_keys: bool = False
    fails: dict[str, int] = field(default_factory=dict)
    loses: set[str] = field(default_factory=set)
    moved: list[str] = field(default_factory=list)
    on_move: Callable[[], None] = lambda: None
    queries: list[Dataset] = field(default_factory=list)

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        self.queries.append(query)
        level = query.QueryRetrieveLevel
        status = self.fails.get(str(query.get("StudyInstanceUID", "")))
        if status is not None:
            yield status, None
            return
        matches: dict[str, Dataset] = {}
        for ds in self.held:
            if self.ignores_keys or _matches(ds, query):
                matches.setdefault(str(ds[UNIQUE[level]].value), self._answer(ds, query))
        for number, match in enumerate(matches.values()):
            if number == self.most_matches:
                yield CANCELLED, None
                return
            yield 0xFF00, match

    def _answer(self, ds: Dataset, query: Dataset) -> Dataset:
        answer = Dataset()
        answer.QueryRetrieveLevel = query.QueryRetrieveLevel
        for element in query:
            if element.keyword == "ModalitiesInStudy":
                answer.ModalitiesInStudy = ds.Modality
            elif element.keyword == "NumberOfSeriesRelatedInstances":
                series = ds.SeriesInstanceUID
                answer.NumberOfSeriesRelatedInstances = sum(
                    each.SeriesInstanceUID == series for each in self.held
                )
            elif element.keyword in ds:
                answer[element.keyword] = ds[element.keyword]
        return answer

    def move(self, event: Event) -> Iterator[Any]:
        query = event.identifier
        self.moved.append(query.SeriesInstanceUID)
        self.on_move()
        port = self.knows.get(event.move_destination)
        if port is None:
            yield None, None
            return
        yield "127.0.0.1", port, {"contexts": [build_context(CT, ExplicitVRLittleEndian)]}
        sent = [
            ds
            for ds in self.held
            if ds.SeriesInstanceUID == query.SeriesInstanceUID
            and ds.SOPInstanceUID not in self.loses
        ]
        yield len(sent)
        status = self.fails.get(query.SeriesInstanceUID)
        if status is not None:
            yield status, None
            return
        for ds in sent:
            yield 0xFF00, ds


def _matches(ds: Dataset, query: Dataset) -> bool:
    for keyword in ("StudyInstanceUID", "StudyDate", "AccessionNumber", "SeriesInstanceUID"):
        if query.get(keyword) and str(ds.get(keyword, "")) != str(query[keyword].value):
            return False
    modality = query.get("ModalitiesInStudy") or query.get("Modality")
    return not modality or ds.Modality == modality


@contextmanager
def query_retrieve_peer(
    held: Sequence[Dataset], *, ae_title: str = "PACS", **fields: Any
) -> Iterator[QueryRetrievePeer]:
    entity = AE(ae_title)
    entity.require_called_aet = True
    for sop_class in (FIND, MOVE):
        entity.add_supported_context(sop_class)
    peer = QueryRetrievePeer(held=held, **fields)
    handlers = [
        (evt.EVT_CONN_OPEN, close_in_the_end),
        (evt.EVT_C_FIND, peer.find),
        (evt.EVT_C_MOVE, peer.move),
    ]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        shut_down(entity)
