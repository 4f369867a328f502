"""Fetches the chosen series, one at a time; the ledger says what came."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from ich_node.errors import Unavailable
from ich_node.ledger import PullLedger
from ich_node.pull.archive import Archive
from ich_node.pull.choice import Chosen
from ich_node.pull.find import count_images
from ich_node.pull.pace import Pace

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a series that was to be fetched."""

    PULLED = "pulled"
    FAILED = "failed"
    LEFT = "left"
    """The operator, or the window, ended it before."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """objects: how many of the series the node has now. detail: why it failed, or is left."""

    chosen: Chosen
    outcome: Outcome
    objects: int = 0
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """wait: for so many seconds, or until the operator ends it; whether he did. who: for the
    journal of the jobs.
    """

    archive: Archive
    ledger: PullLedger
    pace: Pace
    source: str
    who: str
    clock: Callable[[], datetime]
    wait: Callable[[float], bool]

    def fetch(self, chosen: Sequence[Chosen]) -> Iterator[Fetched]:
        """One after the other. A series that fails does not end it. Raises ConfigError."""
        last_at: datetime | None = None
        for number, one in enumerate(chosen):
            detail = self._ended(last_at)
            if detail:
                for left in chosen[number:]:
                    yield Fetched(chosen=left, outcome=Outcome.LEFT, detail=detail)
                return
            last_at = self.clock()
            yield self._fetched(one)

    def _ended(self, last_at: datetime | None) -> str:
        if self.wait(self.pace.wait_seconds(last_at, self.clock())):
            return "ended by hand"
        return self.pace.closed(self.clock())

    def _fetched(self, one: Chosen) -> Fetched:
        study, series = one.series.study.uid, one.series.uid
        try:
            problem = self.archive.retrieve(study, series)
            here = self.ledger.series_here(study, series)
            objects = here.objects if here else 0
            images = one.images
            if images is None or objects < images:
                with self.archive.search() as search:
                    images = count_images(search, one.series)
            if here is not None and images is not None and objects >= images:
                self.ledger.note_pulled(here, source=self.source, who=self.who, now=self.clock())
                log.info("series_pulled", series_instance_uid=series, objects=objects)
                return Fetched(chosen=one, outcome=Outcome.PULLED, objects=objects)
        except Unavailable as error:
            problem, objects = error.detail, 0
        else:
            problem = problem or (
                "the source says that it sent all; does this node's AE title lead to"
                " another host or port there?"
            )
            of = f" of {images}" if images is not None else ""
            problem = f"{objects}{of} images are here: {problem}"
        log.warning("series_not_pulled", study_instance_uid=study, series_instance_uid=series)
        return Fetched(chosen=one, outcome=Outcome.FAILED, objects=objects, detail=problem)
