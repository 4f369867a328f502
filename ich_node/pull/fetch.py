"""Fetches the chosen series, one at a time; the ledger says what came."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ich_node.errors import Unavailable
from ich_node.ledger import PullLedger
from ich_node.ledger.pauses import RECEIVING, PauseLedger
from ich_node.pull.archive import Archive
from ich_node.pull.choice import Chosen
from ich_node.pull.find import count_images
from ich_node.pull.pace import PullPace

DRAINED = "this node takes nothing new (drain): `ich-node resume`, then start it again"
NOT_HERE = (
    "the source says that it sent all: does it have another host or port for this node's AE title?"
)


class Outcome(StrEnum):
    """What became of a series that was to be fetched."""

    PULLED = "pulled"
    FAILED = "failed"
    LEFT = "left"
    """The operator, the window or a drain ended it before."""


def why_closed(pace: PullPace, pauses: PauseLedger, now: datetime) -> str:
    """Why nothing is fetched now; '' if it may be."""
    if any(pause.target == RECEIVING for pause in pauses.in_force(now)):
        return DRAINED
    return pace.closed(now)


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
    pauses: PauseLedger
    pace: PullPace
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
        return why_closed(self.pace, self.pauses, self.clock())

    def _fetched(self, one: Chosen) -> Fetched:
        study, series = one.series.study.uid, one.series.uid
        try:
            problem = self.archive.retrieve(study, series)
            here = self.ledger.series_here(study, series)
            images = one.images
            if images is None or here is None or here.objects < images:
                with self.archive.search() as search:
                    images = count_images(search, one.series)
            if here is not None and images is not None and here.objects >= images:
                self.ledger.note_pulled(here, source=self.source, who=self.who, now=self.clock())
                return Fetched(chosen=one, outcome=Outcome.PULLED, objects=here.objects)
        except Unavailable as error:
            return Fetched(chosen=one, outcome=Outcome.FAILED, detail=error.detail)
        return Fetched(
            chosen=one,
            outcome=Outcome.FAILED,
            objects=here.objects if here else 0,
            detail=problem or NOT_HERE,
        )
