"""Which of the series that a source has are fetched, and why the others are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydicom.dataset import Dataset

from ich_node.ledger import JobState, PullLedger, SeriesHere
from ich_node.pull.archive import SourceSearch
from ich_node.pull.find import FoundSeries, count_images
from ich_node.series.body_part import body_part
from ich_node.series.words.no_slices import LOCALIZER
from ich_node.series.words.phrases import Phrases

NO_SLICES = Phrases(LOCALIZER)
HERE = {
    JobState.WAITING: "waiting already",
    JobState.READING: "is being read",
    JobState.DONE: "read already",
    JobState.REFUSED: "refused already",
    JobState.FAILED: "here already: failed",
    JobState.CANCELLED: "here already: cancelled",
    JobState.SET_ASIDE: "set aside already",
    JobState.HELD: "held already",
}


class Decision(StrEnum):
    """What becomes of a series."""

    FETCH = "fetch"
    HERE = "here"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """why: in a few words. images: as the source says, or counts."""

    series: FoundSeries
    decision: Decision
    why: str
    images: int | None
    here: SeriesHere | None = None


def choose(
    found: Sequence[FoundSeries], *, search: SourceSearch, ledger: PullLedger | None
) -> Iterator[Chosen]:
    """For each series. ledger: None if the node has received nothing yet. Raises PeerUnavailable,
    Unavailable.
    """
    for series in found:
        if why := left_out(series):
            yield Chosen(series=series, decision=Decision.LEFT_OUT, why=why, images=series.images)
            continue
        here = ledger.series_here(series.study.uid, series.uid) if ledger is not None else None
        images = series.images
        if here is not None and (images is None or here.objects < images):
            # what is missing may be no image: a page, a dose report
            images = count_images(search, series)
        yield _chosen(series, here, images)


def _chosen(series: FoundSeries, here: SeriesHere | None, images: int | None) -> Chosen:
    if here is None:
        decision, why = Decision.FETCH, "new"
    elif images is not None and here.objects >= images:
        decision, why = Decision.HERE, HERE[here.state]
    else:
        of = f" of {images}" if images is not None else ""
        decision, why = Decision.FETCH, f"incomplete: {here.objects}{of}"
    return Chosen(series=series, decision=decision, why=why, images=images, here=here)


def left_out(series: FoundSeries) -> str:
    """Why it cannot be slices of a head; '' if it may be. Only where the words of the series itself
    say so: those of its study are about other series, too.
    """
    if series.images == 0:
        return "no images"
    if word := NO_SLICES.find(series.description):
        return f"no slices: {word}"
    words = Dataset()
    words.BodyPartExamined, words.SeriesDescription = series.body_part, series.description
    words.ProtocolName = series.protocol
    part = body_part(words)
    if part.other and not part.head:
        return f"not a head: {part.other.split(' ', 1)[1]}"
    return ""
