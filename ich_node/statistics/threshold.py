"""What another threshold would change on the series that a model has read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ich_node.ledger import Ledger
from ich_node.ledger.scores import SeriesScore
from ich_node.scoring.operating_point import SeriesScores, scores_of


@dataclass(frozen=True, kw_only=True)
class ScoredSeries:
    """The series of some days that a model has read; of very many the newest. since: from when on
    there are all of them. labels: what readers say of the jobs.
    """

    since: datetime
    until: datetime
    found: Sequence[SeriesScore]
    labels: Mapping[int, bool]

    @property
    def days(self) -> float:
        """How long they took to come, one day at least."""
        first = min((each.first_received_at for each in self.found), default=self.until)
        return max((self.until - first) / timedelta(days=1), 1.0)

    @property
    def known(self) -> list[bool | None]:
        """In the order of `found`: whether the series bleeds, as readers say."""
        return [self.labels.get(each.id) for each in self.found]

    @property
    def scores(self) -> SeriesScores:
        return scores_of(
            [each.series_probability for each in self.found], self.known, days=self.days
        )

    def changes(self, before: float, after: float) -> "ThresholdChanges":
        """Which answers would be other ones."""
        low, high = sorted((before, after))
        changed = [each for each in self.found if low <= each.series_probability < high]
        return ThresholdChanges(
            series=len(self.found),
            positive_before=self._positive(before),
            positive_after=self._positive(after),
            changed=changed,
            become_positive=after < before,
        )

    def _positive(self, threshold: float) -> int:
        return sum(each.series_probability >= threshold for each in self.found)


@dataclass(frozen=True, kw_only=True)
class ThresholdChanges:
    """changed: the series whose answer would be another one: all of them become positive, or all
    negative.
    """

    series: int
    positive_before: int
    positive_after: int
    changed: Sequence[SeriesScore]
    become_positive: bool


def scored_series(
    ledger: Ledger,
    lineage: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    most: int | None = None,
) -> ScoredSeries:
    """lineage: BundleHeader.lineage of the model. most: look at no more than so many jobs, the
    newest.
    """
    if most is not None:
        since = ledger.scores.since_of_newest(most, since=since)
    return ScoredSeries(
        since=since,
        until=until,
        found=ledger.scores.scores(lineage, since=since, until=until),
        labels=ledger.verdicts.labels(since=since, until=until),
    )
