"""Which series the node has, with how many objects: for a pull of what was missed."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.journal import counted_objects, note
from ich_node.ledger.states import JobState
from ich_node.ledger.tables import instances, jobs


@dataclass(frozen=True, kw_only=True)
class SeriesHere:
    """The newest job of a series, and how many different objects the series has."""

    job_id: int
    state: JobState
    objects: int


class PullLedger:
    """Compares what a source has with what the node got."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def series_here(self, study_instance_uid: str, series_instance_uid: str) -> SeriesHere | None:
        """None if nothing of the series was received, or if it was cancelled and its files are
        removed: it can only be sent again. Of a series whose files are removed, the number that it
        had counts.
        """
        revisions = (
            sa.select(jobs.c.id, jobs.c.state, jobs.c.objects, jobs.c.swept_at)
            .where(
                jobs.c.series_instance_uid == series_instance_uid,
                jobs.c.study_instance_uid == study_instance_uid,
            )
            .order_by(jobs.c.revision.desc())
        )
        different = sa.select(sa.func.count(instances.c.sop_instance_uid.distinct())).where(
            instances.c.series_instance_uid == series_instance_uid,
            instances.c.study_instance_uid == study_instance_uid,
        )
        with self._database.read() as connection:
            rows = connection.execute(revisions).all()
            if not rows:
                return None
            newest = rows[0]
            objects = newest.objects
            if all(row.swept_at is None for row in rows):
                objects = connection.execute(different).scalar_one()
            elif newest.state is JobState.CANCELLED:
                return None
        return SeriesHere(job_id=newest.id, state=newest.state, objects=objects)

    def note_pulled(self, here: SeriesHere, *, source: str, who: str, now: datetime) -> None:
        """An event of the series' newest job."""
        detail = f"{counted_objects(here.objects)} from {source}, by {who}"
        with self._database.write() as connection:
            note(connection, job_id=here.job_id, at=now, event="pulled", detail=detail)
