"""The statistics of some days: each series counts once, with the answer that stands."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ich_node.answer import Answer
from ich_node.ledger import JobState
from ich_node.ledger.statistics import UNENDED, Count, Scores, StatisticsView
from ich_node.percent import counted
from ich_node.scoring.operating_point import Share, histogram
from ich_node.statistics.drift import LEAST_SERIES, Drift, drift

NO_REFERENCES: Mapping[str, Sequence[float]] = {}
READ = (Answer.PRESENT, Answer.ABSENT, Answer.UNDETERMINED)
BEFORE = "the {days} before"
OF_BUNDLE = "the series by which the threshold was chosen"
EARLIER_HALF = "the earlier half of these days, as there are too few series before"


@dataclass(frozen=True, kw_only=True)
class OutcomeCount:
    """series: how many; words: present, absent ... or why there is no answer."""

    words: str
    series: int


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Of one source or scanner: the series with an answer, and the positive ones among them."""

    name: str
    positive: Share


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds from the last slice to the result; nan without any series."""

    series: int
    median: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """With the verdicts of readers. undetermined: series with a verdict about which the model could
    not say; they count in no share.
    """

    series: int
    undetermined: int
    sensitivity: Share
    specificity: Share
    predictive: Share


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """bundle_sha256: of the model whose scores are compared, the one that read last; None if none
    did. other_bundles: series that other models read. histogram: its scores, in BINS from 0 to 1,
    as shares; reference_histogram: of the reference.
    """

    since: datetime
    until: datetime
    series: int
    outcomes: list[OutcomeCount]
    sources: list[Rate]
    scanners: list[Rate]
    times: Times
    bundle_sha256: str | None
    other_bundles: int
    drift: Drift
    histogram: list[float]
    reference_histogram: list[float]
    agreement: Agreement


@dataclass(frozen=True, kw_only=True)
class ComparedScores:
    """Of the model that read last (None if none did) in some days, and those that they are compared
    with; `scores` are of all models.
    """

    bundle_sha256: str | None
    scores: Scores
    recent_N: NDArray[np.float64]
    earlier_N: NDArray[np.float64]
    reference: str

    @property
    def drift(self) -> Drift:
        return drift(self.earlier_N, self.recent_N, reference=self.reference)


def statistics(
    view: StatisticsView,
    *,
    since: datetime,
    until: datetime,
    references: Mapping[str, Sequence[float]] = NO_REFERENCES,
) -> Statistics:
    """Of the series that came in this time. references: see `compared_scores`."""
    counts = view.counts(since, until)
    compared = compared_scores(view, since=since, until=until, references=references)
    return Statistics(
        since=since,
        until=until,
        series=sum(count.series for count in counts),
        outcomes=_outcomes(counts),
        sources=_rates(counts, lambda count: count.source),
        scanners=_rates(counts, _scanner),
        times=_times(compared.scores.seconds),
        bundle_sha256=compared.bundle_sha256,
        other_bundles=sum(each != compared.bundle_sha256 for each in compared.scores.bundles),
        drift=compared.drift,
        histogram=histogram(compared.recent_N),
        reference_histogram=histogram(compared.earlier_N),
        agreement=agreement(view.labelled(since, until)),
    )


def compared_scores(
    view: StatisticsView,
    *,
    since: datetime,
    until: datetime,
    references: Mapping[str, Sequence[float]] = NO_REFERENCES,
) -> ComparedScores:
    """Of the series that came in this time. references: scores that bundles have with them; for
    another bundle the time of the same length before is the reference, or, without enough series
    then, the earlier half of this time.
    """
    scores = view.scores(since, until)
    bundle = scores.bundles[-1] if scores.bundles else None
    before = view.scores(since - (until - since), since)
    recent_N, times_N = _of_bundle(scores, bundle)
    earlier_N, _ = _of_bundle(before, bundle)
    days = counted(max(1, round((until - since).total_seconds() / 86_400)), "day")
    reference = BEFORE.format(days=days)
    if bundle is not None and references.get(bundle):
        earlier_N, reference = np.array(references[bundle], dtype=np.float64), OF_BUNDLE
    elif len(earlier_N) < LEAST_SERIES <= len(recent_N) // 2:
        middle = (since + (until - since) / 2).timestamp()
        earlier_N, recent_N = recent_N[times_N < middle], recent_N[times_N >= middle]
        reference = EARLIER_HALF
    return ComparedScores(
        bundle_sha256=bundle,
        scores=scores,
        recent_N=recent_N,
        earlier_N=earlier_N,
        reference=reference,
    )


def agreement(labelled: Sequence[tuple[Answer, bool]]) -> Agreement:
    """From answer and verdict of each series."""
    determined = [(answer, label) for answer, label in labelled if answer in READ[:2]]
    table = Counter((answer is Answer.PRESENT, label) for answer, label in determined)
    hits, misses = table[True, True], table[False, True]
    false_alarms, calm = table[True, False], table[False, False]
    return Agreement(
        series=len(labelled),
        undetermined=len(labelled) - len(determined),
        sensitivity=Share(right=hits, total=hits + misses),
        specificity=Share(right=calm, total=calm + false_alarms),
        predictive=Share(right=hits, total=hits + false_alarms),
    )


def _outcomes(counts: Iterable[Count]) -> list[OutcomeCount]:
    """Answers first, then what gave none, the most frequent first."""
    series: Counter[tuple[bool, str]] = Counter()
    for count in counts:
        series[count.answer not in READ, _words(count)] += count.series
    ordered = sorted(series.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [OutcomeCount(words=words, series=number) for (_, words), number in ordered]


def _words(count: Count) -> str:
    if count.state in UNENDED:
        return "held by a rule" if count.state is JobState.HELD else "not read yet"
    if count.state in (JobState.CANCELLED, JobState.SET_ASIDE):
        return {
            JobState.CANCELLED: "cancelled",
            JobState.SET_ASIDE: "another reconstruction is read instead",
        }[count.state]
    if count.state is not JobState.DONE:
        return f"{count.state.words}: {count.reason}"
    if count.is_withdrawn:
        return "answer withdrawn"
    if count.is_for_another:
        return "another series' answer stands"
    assert count.answer is not None, "STANDS"
    return count.answer.replace("_", " ")


def _scanner(count: Count) -> str:
    return " ".join(filter(None, (count.manufacturer, count.scanner))) or "not known"


def _rates(counts: Iterable[Count], name_of: Callable[[Count], str]) -> list[Rate]:
    """Those with the most series first."""
    read: Counter[str] = Counter()
    positive: dict[str, int] = defaultdict(int)
    for count in counts:
        if count.answer in READ:
            name = name_of(count)
            read[name] += count.series
            positive[name] += count.series * (count.answer is Answer.PRESENT)
    return [
        Rate(name=name, positive=Share(right=positive[name], total=total))
        for name, total in read.most_common()
    ]


def _times(seconds: Iterable[float | None]) -> Times:
    known_N = np.array([float(each) for each in seconds if each is not None])
    if not len(known_N):
        return Times(series=0, median=float("nan"), most=float("nan"))
    median, most = np.quantile(known_N, [0.5, 0.95])
    return Times(series=len(known_N), median=float(median), most=float(most))


def _of_bundle(
    scores: Scores, bundle: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probabilities that this bundle gave, and when their series came."""
    is_its_N = np.array([each == bundle for each in scores.bundles], dtype=bool)
    score_N = np.array([float(each) for each in scores.probabilities], dtype=np.float64)
    received_N = np.array([float(each) for each in scores.received], dtype=np.float64)
    return score_N[is_its_N], received_N[is_its_N]
