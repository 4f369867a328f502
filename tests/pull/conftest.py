"""A node that listens as the destination of a C-MOVE, and what a PACS has."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ich_node.config.query import DicomQuery, DicomWebQuery
from ich_node.config.settings import ScpSettings, SeriesSettings, Source, StudySettings, TlsSettings
from ich_node.ledger import SearchKey
from ich_node.pull.archive import Archive
from ich_node.pull.asked import Asked
from ich_node.pull.choice import Chosen, Decision, choose
from ich_node.pull.dicom_archive import DicomArchive
from ich_node.pull.fetch import Fetched, Fetcher
from ich_node.pull.find import FoundAtSource, find_series
from ich_node.pull.handover import Entrance
from ich_node.pull.pace import PullPace
from ich_node.pull.web_archive import DicomWebArchive
from ich_node.receive import Listener
from tests.support.listening import ListeningNode
from tests.support.node import open_node

PACS = Source(name="pacs", ae_title="PACS", hosts=("127.0.0.1",))
SCP = ScpSettings(bind_address="127.0.0.1", port=0)
FAST = 600
NO_TLS = TlsSettings()


class PullingNode(ListeningNode):
    """Its listener is a source's move destination."""

    @property
    def search_key(self) -> SearchKey:
        path = self.folder / "search.key"
        return self.ledger.search_keys.for_receiving(path, now=self.clock())

    def dicom(self, port: int, **query: Any) -> DicomArchive:
        return DicomArchive(
            source=PACS,
            query=DicomQuery(host="127.0.0.1", port=port, series_per_minute=FAST, **query),
            move_destination=SCP.ae_title,
            tls=NO_TLS,
        )

    def web(self, url: str) -> DicomWebArchive:
        entrance = Entrance.of(
            source=PACS,
            scp=SCP,
            series=SeriesSettings(),
            study=StudySettings(),
            spool=self.spool,
            ledger=self.ledger.receiving,
            search_key=self.search_key,
            clock=self.clock,
        )
        query = DicomWebQuery(kind="dicomweb", url=url, series_per_minute=FAST)  # type: ignore[arg-type]
        return DicomWebArchive(source=PACS, query=query, tls=NO_TLS, entrance=entrance)

    def chosen(self, archive: Archive, asked: list[Asked]) -> tuple[list[Chosen], FoundAtSource]:
        with archive.search() as search:
            found = find_series(search, asked)
            return list(choose(found.series, search=search, ledger=self.ledger.pull)), found

    def pull(
        self, archive: Archive, asked: list[Asked], wait: Callable[[float], bool] = lambda _: False
    ) -> list[Fetched]:
        chosen, _ = self.chosen(archive, asked)
        fetcher = Fetcher(
            archive=archive,
            ledger=self.ledger.pull,
            pauses=self.ledger.pauses,
            pace=PullPace(query=archive.query),  # type: ignore[attr-defined]
            source="pacs",
            who="admin",
            clock=self.clock,
            wait=wait,
        )
        return list(fetcher.fetch([one for one in chosen if one.decision is Decision.FETCH]))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[PullingNode]:
    with open_node(tmp_path, ListeningNode, listener=None) as opened:
        listener = Listener(
            scp=SCP,
            sources=(PACS,),
            series=SeriesSettings(),
            spool=opened.spool,
            ledger=opened.ledger.receiving,
            clock=opened.clock,
        )
        with listener:
            yield PullingNode(
                folder=tmp_path,
                ledger=opened.ledger,
                spool=opened.spool,
                clock=opened.clock,
                listener=listener,
            )


def at(hour: int, minute: int = 0) -> datetime:
    """A local time of some day."""
    return datetime(2026, 1, 1, hour, minute).astimezone().astimezone(UTC)
