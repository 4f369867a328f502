"""Previews: a series is read while it still arrives, and the network's answers are kept for its
reading.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.instances import IS_OPEN
from ich_node.ledger.rows import Job, NetworkAnswer
from ich_node.ledger.states import Lane
from ich_node.ledger.tables import answers, as_values, columns_of, jobs

# A preview costs something for each object of the series, old or new. With a quarter more objects
# each time, all previews together cost as much as five of the whole series.
LEAST_NEW_OBJECTS = 4
# The statements are constants: an idle analyser asks every second, and building a statement costs
# more than executing it.
NOW = sa.bindparam("now", type_=jobs.c.ready_at.type)
HAS_GROWN = sa.and_(
    jobs.c.objects - jobs.c.objects_looked_at >= LEAST_NEW_OBJECTS,
    4 * jobs.c.objects >= 5 * jobs.c.objects_looked_at,
)
# Series that still arrive and of which nobody makes a preview, in the order of the lanes. All lanes
# are listed so that the index is used.
GROWN = (
    sa.select(jobs.c.id)
    .where(
        IS_OPEN,
        jobs.c.lane.in_(Lane),
        jobs.c.ready_at > NOW,
        HAS_GROWN,
        jobs.c.looked_at_until.is_(None) | (jobs.c.looked_at_until <= NOW),
    )
    .order_by(jobs.c.lane, jobs.c.ready_at)
    .limit(1)
)
CLAIM = (
    sa.update(jobs)
    .where(jobs.c.id == GROWN.with_for_update(skip_locked=True).scalar_subquery())
    .values(looked_at_until=sa.bindparam("until", type_=jobs.c.looked_at_until.type))
    .returning(*columns_of(Job, jobs))
)


class PreviewLedger:
    """Hands out series that still arrive, each to one process at a time; keeps the network's
    answers about them.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def claim(self, *, now: datetime, until: datetime) -> Job | None:
        """A series that has grown since its last preview, or None. No other process gets it before
        `until`, finish or release.

        If the process crashes in the preview, nobody tries again before `until`.
        """
        if not self.is_any_grown(now=now):
            return None
        with self._database.write() as connection:
            found = as_values(Job, connection.execute(CLAIM, {"now": now, "until": until}))
        return found[0] if found else None

    def is_any_grown(self, *, now: datetime) -> bool:
        """Whether `claim` would find a series."""
        with self._database.read() as connection:
            return connection.execute(GROWN, {"now": now}).first() is not None

    def finish(self, job: Job, *, objects: int, suspected: bool) -> None:
        """The preview covered this many objects; the next one comes when there are enough new ones.

        suspected: the preview is positive. The series then overtakes ordinary ones, but not if it
        is large: they would wait too long for it.
        """
        lane = sa.case(
            (jobs.c.lane == Lane.ORDINARY, sa.literal(Lane.SUSPECTED, jobs.c.lane.type)),
            else_=jobs.c.lane,
        )
        values = {"looked_at_until": None, "objects_looked_at": objects} | (
            {"lane": lane} if suspected else {}
        )
        with self._database.write() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(**values))

    def release(self, job: Job) -> None:
        """The preview was not finished: another one may begin at once."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(jobs).where(jobs.c.id == job.id).values(looked_at_until=None)
            )

    def is_open(self, job_id: int) -> bool:
        """Whether the job may still get objects: it was never claimed."""
        with self._database.read() as connection:
            return (
                connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id, IS_OPEN)).first()
                is not None
            )

    def answers(self, job: Job, *, bundle_sha256: str, engine: str) -> list[NetworkAnswer]:
        """What this engine with this bundle has answered about slabs of this series."""
        query = sa.select(*columns_of(NetworkAnswer, answers)).where(
            answers.c.series_instance_uid == job.series_instance_uid,
            answers.c.study_instance_uid == job.study_instance_uid,
            answers.c.bundle_sha256 == bundle_sha256,
            answers.c.engine == engine,
        )
        with self._database.read() as connection:
            return as_values(NetworkAnswer, connection.execute(query))

    def keep_answers(self, job: Job, new: Sequence[NetworkAnswer], *, now: datetime) -> None:
        """Record answers; each replaces an earlier one about the same slab by the same bundle and
        engine.
        """
        if not new:
            return
        series = {
            "study_instance_uid": job.study_instance_uid,
            "series_instance_uid": job.series_instance_uid,
            "made_at": now,
        }
        try:
            with self._database.write() as connection:
                connection.execute(
                    sa.delete(answers).where(
                        answers.c.slab_sha256.in_([answer.slab_sha256 for answer in new]),
                        answers.c.bundle_sha256.in_({answer.bundle_sha256 for answer in new}),
                        answers.c.engine.in_({answer.engine for answer in new}),
                    )
                )
                connection.execute(sa.insert(answers), [asdict(answer) | series for answer in new])
        except sa.exc.IntegrityError:
            return  # PostgreSQL: another process records the same answers at this moment
