"""The scores of series that a model has read: what its operating point is chosen by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.states import JobState
from ich_node.ledger.tables import as_values, columns_of, jobs, readings


@dataclass(frozen=True, kw_only=True)
class SeriesScore:
    """The series of a job (id), when its first object came, and its highest probability."""

    id: int
    first_received_at: datetime
    series_probability: float


class ScoreLedger:
    """Scores, one a series: of its newest revision, if its answer was told and not withdrawn."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def since_of_newest(self, most: int, *, since: datetime) -> datetime:
        """When the first of the `most` newest jobs came; since if fewer came after it."""
        query = (
            sa.select(jobs.c.first_received_at)
            .where(jobs.c.first_received_at >= since)
            .order_by(jobs.c.first_received_at.desc())
            .offset(most - 1)
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar() or since

    def scores(
        self, bundles: Collection[str], *, since: datetime, until: datetime
    ) -> list[SeriesScore]:
        """By these bundles (sha256), of series that came in this time, the oldest first; also those
        that another bundle has answered and one of these has read beside it.
        """
        newer = jobs.alias("newer")
        is_newest = ~sa.exists().where(
            newer.c.series_instance_uid == jobs.c.series_instance_uid,
            newer.c.study_instance_uid == jobs.c.study_instance_uid,
            newer.c.revision > jobs.c.revision,
            newer.c.state == JobState.DONE,
        )
        counts = sa.and_(
            jobs.c.state == JobState.DONE,
            jobs.c.first_received_at >= since,
            jobs.c.first_received_at < until,
            jobs.c.in_favour_of.is_(None),
            jobs.c.withdrawn_at.is_(None),
            is_newest,
        )
        own = sa.select(*columns_of(SeriesScore, jobs)).where(
            counts, jobs.c.bundle_sha256.in_(bundles)
        )
        beside = (
            sa.select(jobs.c.id, jobs.c.first_received_at, readings.c.series_probability)
            .join(readings, readings.c.job_id == jobs.c.id)
            .where(
                counts,
                jobs.c.bundle_sha256.not_in(bundles),
                readings.c.bundle_sha256.in_(bundles),
                readings.c.series_probability.is_not(None),
            )
        )
        with self._database.read() as connection:
            found = as_values(SeriesScore, connection.execute(own))
            found += as_values(SeriesScore, connection.execute(beside))
        # two bundles of one lineage give a job the same score
        return sorted({score.id: score for score in found}.values(), key=lambda each: each.id)
