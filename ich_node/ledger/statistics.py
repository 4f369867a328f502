"""What the node's statistics count: one row a series, with the answer that stands.

Of a series' revisions the newest that has ended counts; of a series of which none has, the newest.
An answer that was withdrawn, or that another series of the study stands for, is no answer here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.tables import as_values, jobs, scans
from ich_node.ledger.verdicts import labels_of

UNENDED = (JobState.WAITING, JobState.READING, JobState.HELD)
ANSWERS = (Answer.PRESENT, Answer.ABSENT, Answer.UNDETERMINED)
_other = jobs.alias("other")
_SAME_SERIES = sa.and_(
    _other.c.series_instance_uid == jobs.c.series_instance_uid,
    _other.c.study_instance_uid == jobs.c.study_instance_uid,
)
_NEWER_HAS_ENDED = sa.exists().where(
    _SAME_SERIES, _other.c.revision > jobs.c.revision, _other.c.state.not_in(UNENDED)
)
_ANOTHER_HAS_ENDED = sa.exists().where(
    _SAME_SERIES, _other.c.revision < jobs.c.revision, _other.c.state.not_in(UNENDED)
)
# Most series have one revision: the second search is made for the others alone.
COUNTS = sa.and_(
    ~_NEWER_HAS_ENDED, jobs.c.state.not_in(UNENDED) | (jobs.c.revision == 1) | ~_ANOTHER_HAS_ENDED
)
STANDS = sa.and_(
    jobs.c.state == JobState.DONE,
    jobs.c.withdrawn_at.is_(None),
    jobs.c.in_favour_of.is_(None),
)
# What an operator has read again long after it came says nothing about the node's speed.
SECONDS = sa.case(
    (
        jobs.c.lane != Lane.AGAIN,
        sa.extract("epoch", scans.c.answered_at) - sa.extract("epoch", jobs.c.last_received_at),
    ),
    else_=None,
)
_labelled_job = jobs.alias("labelled_job")
_OF_LABELLED_SERIES = sa.and_(
    _labelled_job.c.series_instance_uid == jobs.c.series_instance_uid,
    _labelled_job.c.study_instance_uid == jobs.c.study_instance_uid,
)
MOST_IN_ONE_QUERY = 500
WITH_SCAN = jobs.outerjoin(scans, scans.c.job_id == jobs.c.id)


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many series share all of this. answer: None if no answer stands."""

    state: JobState
    is_withdrawn: bool
    is_for_another: bool
    reason: str | None
    answer: Answer | None
    source: str
    manufacturer: str
    scanner: str
    series: int


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of the series whose answer stands, in one order: the hash of the bundle, the probability,
    when the series came in (seconds since 1970), and how many seconds after its last slice the
    answer was there; None if that is not known.
    """

    bundles: Sequence[str]
    probabilities: Sequence[float]
    received: Sequence[float]
    seconds: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class CountedSeries:
    """One series without identifiers. bundle_sha256, probability: None if it was not read."""

    first_received_at: datetime
    state: JobState
    modality: str | None
    manufacturer: str | None
    scanner: str | None
    body_part: str | None
    kernel: str | None
    slice_thickness_mm: float | None
    kvp: float | None
    slices: int | None
    age_years: int | None
    sex: str | None
    bundle_sha256: str | None
    answer: Answer | None
    series_probability: float | None
    seconds: float | None
    reason: str | None
    verdict: bool | None


class StatisticsLedger:
    """Only reads."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    @contextmanager
    def view(self) -> Iterator["StatisticsView"]:
        """The ledger as it is at one moment."""
        with self._database.read() as connection:
            if connection.dialect.name == "postgresql":  # else each query sees another moment
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield StatisticsView(connection)


class StatisticsView:
    """since, until: when the first object of a series came."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def counts(self, since: datetime, until: datetime) -> list[Count]:
        """Of all series that came in this time."""
        facts = (
            jobs.c.state,
            jobs.c.withdrawn_at.is_not(None).label("is_withdrawn"),
            jobs.c.in_favour_of.is_not(None).label("is_for_another"),
            jobs.c.reason,
            sa.case((STANDS, jobs.c.answer), else_=None).label("answer"),
            jobs.c.source,
            sa.func.coalesce(scans.c.manufacturer, "").label("manufacturer"),
            sa.func.coalesce(scans.c.scanner, "").label("scanner"),
        )
        query = (
            sa.select(*facts, sa.func.count().label("series"))
            .select_from(WITH_SCAN)
            .where(_received(since, until), COUNTS)
            .group_by(*(sa.literal_column(str(number + 1)) for number in range(len(facts))))
        )
        return as_values(Count, self._connection.execute(query))

    def scores(self, since: datetime, until: datetime) -> Scores:
        """The oldest first."""
        query = (
            sa.select(
                jobs.c.bundle_sha256,
                jobs.c.series_probability,
                sa.extract("epoch", jobs.c.first_received_at),
                SECONDS,
            )
            .select_from(WITH_SCAN)
            .where(_received(since, until), STANDS, COUNTS)
            .order_by(jobs.c.first_received_at)
        )
        rows = self._connection.execute(query).all()
        bundle, score, received, seconds = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Scores(bundles=bundle, probabilities=score, received=received, seconds=seconds)

    def labelled(self, since: datetime, until: datetime) -> list[tuple[Answer, bool]]:
        """The answer and the verdict of each series that has both."""
        return [
            (answer, label) for _, answer, label in self._labelled(_received(since, until), STANDS)
        ]

    def _labelled(self, *where: sa.ColumnElement[bool]) -> list[tuple[int, Answer, bool]]:
        """Job, answer and verdict: what was said about an earlier revision is about the series."""
        labels = labels_of(self._connection, None, None)
        found: list[tuple[int, Answer, bool]] = []
        ids = sorted(labels)
        for start in range(0, len(ids), MOST_IN_ONE_QUERY):
            query = (
                # no condition of the query: SQLite would look through all jobs of the time for it
                sa.select(jobs.c.id, jobs.c.answer, _labelled_job.c.id, sa.and_(*where))
                .join(_labelled_job, _OF_LABELLED_SERIES)
                .where(_labelled_job.c.id.in_(ids[start : start + MOST_IN_ONE_QUERY]), COUNTS)
            )
            found += [
                (job_id, answer, labels[labelled_id])
                for job_id, answer, labelled_id, is_asked in self._connection.execute(query)
                if is_asked
            ]
        return found

    def series(self, since: datetime, until: datetime) -> Iterator[CountedSeries]:
        """Of which an answer stands, or that ended without one, the oldest first."""
        received = _received(since, until)
        labels = {job_id: label for job_id, _, label in self._labelled(received)}
        names = [name for name in CountedSeries.__dataclass_fields__ if name not in _COMPUTED]
        columns: list[Any] = [
            next(table.c[name] for table in (jobs, scans) if name in table.c) for name in names
        ]
        ended = (JobState.REFUSED, JobState.FAILED)
        query = (
            sa.select(jobs.c.id, *columns, SECONDS.label("seconds"))
            .select_from(WITH_SCAN)
            .where(received, COUNTS, STANDS | jobs.c.state.in_(ended))
            .order_by(jobs.c.first_received_at)
            .execution_options(yield_per=1000)
        )
        for row in self._connection.execute(query):
            facts = dict(row._mapping)
            job_id = facts.pop("id")
            yield CountedSeries(**facts, verdict=labels.get(job_id))


_COMPUTED = {"seconds", "verdict"}


def _received(since: datetime, until: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.first_received_at >= since, jobs.c.first_received_at < until)
