"""What two bundles answered about the same series, and which bundles the ledger knows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.database import Database
from ich_node.ledger.states import JobState, ReadingState
from ich_node.ledger.tables import (
    activations,
    as_values,
    jobs,
    readings,
    shadows,
)


@dataclass(frozen=True, kw_only=True)
class KnownBundle:
    """A bundle that was activated, or has read beside the active one. path: where it was kept."""

    name: str
    sha256: str
    path: str


@dataclass(frozen=True, kw_only=True)
class GivenAnswer:
    """An answer of one bundle about one series. objects: how many it covers. standing_id: the job
    whose answer stands instead, else the job itself.
    """

    job_id: int
    study_instance_uid: str
    series_instance_uid: str
    objects: int
    answer: Answer
    series_probability: float
    standing_id: int


@dataclass(frozen=True, kw_only=True)
class PairedAnswers:
    """Two answers about the same objects. bleeding: what radiologists said; None if nobody did."""

    a: GivenAnswer
    b: GivenAnswer
    bleeding: bool | None

    @property
    def job_id(self) -> int:
        """The older of their jobs."""
        return min(self.a.job_id, self.b.job_id)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """read_by_a, read_by_b: series of the time that each has read; pairs: those that both have;
    swept: readings that were asked for and whose objects were removed before.
    """

    read_by_a: int
    read_by_b: int
    pairs: Sequence[PairedAnswers]
    swept: int


class ComparisonLedger:
    """Reads only."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def used_bundles(self) -> list[KnownBundle]:
        """Those that were active or a shadow: each hash once, under its newest name."""
        with self._database.read() as connection:
            return _bundles(connection, _USED)

    def known_bundles(self) -> list[KnownBundle]:
        """Those, and all that have read again."""
        known = [*self.used_bundles(), *self.read_beside()]
        return list({each.sha256: each for each in known}.values())

    def read_beside(self) -> list[KnownBundle]:
        """Those that have read, or are to read, series beside their answers. Of many readings each
        bundle is found in one step of the index.
        """
        query = (
            sa.select(readings.c.bundle_sha256, readings.c.bundle_name, readings.c.bundle_path)
            .where(readings.c.bundle_sha256 > sa.bindparam("last"))
            .order_by(readings.c.bundle_sha256)
            .limit(1)
        )
        known: list[KnownBundle] = []
        with self._database.read() as connection:
            last = ""
            while row := connection.execute(query, {"last": last}).first():
                last, name, path = row
                known.append(KnownBundle(name=name, sha256=last, path=path))
        return known

    def compare(
        self,
        a_sha256: str,
        b_sha256: str,
        *,
        since: datetime,
        until: datetime | None,
        labels: Mapping[int, bool],
    ) -> Comparison:
        """Of the series that arrived in this time; each series once, with the most objects that
        both have read. labels: bleeding or not, by job (`VerdictLedger.labels`).
        """
        with self._database.read() as connection:
            arrived = _arrived(since, until)
            first = connection.execute(sa.select(sa.func.min(jobs.c.id)).where(arrived)).scalar()
            # the jobs of the time alone would not lead to their readings by an index
            beside = sa.and_(readings.c.job_id >= (first or 0), arrived)
            a, b = (
                _answers(connection, sha256, arrived=arrived, beside=beside)
                for sha256 in (a_sha256, b_sha256)
            )
            swept = connection.execute(
                sa.select(sa.func.count())
                .select_from(readings.join(jobs, jobs.c.id == readings.c.job_id))
                .where(
                    readings.c.bundle_sha256.in_((a_sha256, b_sha256)),
                    readings.c.state == ReadingState.SWEPT,
                    beside,
                )
            ).scalar_one()
        pairs: dict[tuple[str, str], PairedAnswers] = {}
        for key in sorted(a.keys() & b.keys(), key=lambda key: key[2]):
            ids = (b[key].job_id, a[key].job_id, b[key].standing_id, a[key].standing_id)
            said = [labels[job_id] for job_id in ids if job_id in labels]
            pairs[key[:2]] = PairedAnswers(a=a[key], b=b[key], bleeding=said[0] if said else None)
        return Comparison(
            read_by_a=len({key[:2] for key in a}),
            read_by_b=len({key[:2] for key in b}),
            pairs=sorted(pairs.values(), key=lambda pair: pair.job_id),
            swept=swept,
        )


def _arrived(since: datetime, until: datetime | None) -> sa.ColumnElement[bool]:
    at = jobs.c.first_received_at
    return sa.and_(at >= since, at < until if until else sa.true())


def _answers(
    connection: sa.Connection,
    sha256: str,
    *,
    arrived: sa.ColumnElement[bool],
    beside: sa.ColumnElement[bool],
) -> dict[tuple[str, str, int], GivenAnswer]:
    """By study, series and number of objects: two revisions with as many objects have the same.
    arrived: of jobs; beside: of readings and their jobs.
    """
    of_job = [
        jobs.c.id.label("job_id"),
        jobs.c.study_instance_uid,
        jobs.c.series_instance_uid,
        jobs.c.objects,
        sa.func.coalesce(jobs.c.in_favour_of, jobs.c.id).label("standing_id"),
    ]
    own = sa.select(*of_job, jobs.c.answer, jobs.c.series_probability).where(
        jobs.c.state == JobState.DONE, jobs.c.bundle_sha256 == sha256, arrived
    )
    second = (
        sa.select(*of_job, readings.c.answer, readings.c.series_probability)
        .select_from(readings.join(jobs, jobs.c.id == readings.c.job_id))
        .where(
            readings.c.state == ReadingState.DONE,
            readings.c.bundle_sha256 == sha256,
            beside,
        )
    )
    found = [
        given
        for query in (own, second)
        for given in as_values(GivenAnswer, connection.execute(query))
    ]
    return {
        (given.study_instance_uid, given.series_instance_uid, given.objects): given
        for given in sorted(found, key=lambda given: given.job_id)
    }


_USED = (
    sa.select(activations.c.name, activations.c.sha256, activations.c.path).order_by(
        activations.c.id
    ),
    sa.select(shadows.c.name, shadows.c.bundle_sha256, shadows.c.path).order_by(shadows.c.id),
)


def _bundles(connection: sa.Connection, queries: Iterable[sa.Select[Any]]) -> list[KnownBundle]:
    known: dict[str, KnownBundle] = {}
    for query in queries:
        for name, sha256, path in connection.execute(query):
            known[sha256] = KnownBundle(name=name, sha256=sha256, path=path)
    return list(known.values())
