"""Finding studies among millions of jobs: those with the newest series first."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import sqlalchemy as sa

from ich_node.ledger.database import Database
from ich_node.ledger.rows import Job
from ich_node.ledger.searching import (
    JobPlace,
    JobSearch,
    conditions_of,
    parts_of,
    places,
    where,
)
from ich_node.ledger.studies import jobs_of_study
from ich_node.ledger.tables import as_values, columns_of, jobs

# How many jobs are looked at for each study that is wanted: a study has a few.
JOBS_FOR_ONE = 4


@dataclass(frozen=True, kw_only=True)
class FoundStudies:
    """All jobs of each study, the oldest first. older_than: the place behind which the next ones
    are; None if there are none.
    """

    studies: list[list[Job]]
    older_than: JobPlace | None


class StudySearchLedger:
    """Reads only. A study stands where its newest job stands of those that are looked for."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def find(self, search: JobSearch, *, limit: int) -> FoundStudies:
        """Studies with a job that is looked for, those with the newest ones first."""
        found: dict[str, JobPlace] = {}
        at = search.older_than
        with self._database.read() as connection:
            while len(found) <= limit:
                some = places(connection, replace(search, older_than=at), limit * JOBS_FOR_ONE)
                if not some:
                    break
                at = some[-1]
                uids = _studies_of(connection, some)
                new = {uids[place.job_id] for place in some} - found.keys()
                new -= _shown_before(connection, search, new)
                for place in some:
                    if uids[place.job_id] in new:
                        found.setdefault(uids[place.job_id], place)
            shown = list(found.items())[:limit]
            all_jobs = _jobs_of(connection, [uid for uid, _ in shown])
        return FoundStudies(
            studies=[all_jobs[uid] for uid, _ in shown],
            older_than=shown[-1][1] if len(found) > limit else None,
        )

    def study(self, study_instance_uid: str) -> list[Job]:
        """All its jobs, the oldest first."""
        with self._database.read() as connection:
            return jobs_of_study(connection, study_instance_uid)


def _studies_of(connection: sa.Connection, some: Collection[JobPlace]) -> dict[int, str]:
    query = sa.select(jobs.c.id, jobs.c.study_instance_uid).where(
        jobs.c.id.in_([place.job_id for place in some])
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _shown_before(
    connection: sa.Connection, search: JobSearch, studies: Collection[str]
) -> set[str]:
    """The studies that stand at, or before, the place from which the search begins."""
    begin = search.older_than
    if begin is None or not studies:
        return set()
    fits = [
        sa.and_(sa.true(), *where(connection, conditions_of(part), follow=()))
        for part in parts_of(search)
    ]
    at = jobs.c.first_received_at
    query = sa.select(jobs.c.study_instance_uid).where(
        jobs.c.study_instance_uid.in_(studies),
        sa.or_(*fits),
        sa.case((at == begin.at, jobs.c.id >= begin.job_id), else_=at > begin.at),
    )
    return set(connection.execute(query).scalars())


def _jobs_of(connection: sa.Connection, studies: Collection[str]) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = {uid: [] for uid in studies}
    query = sa.select(*columns_of(Job, jobs)).where(jobs.c.study_instance_uid.in_(studies))
    for job in as_values(Job, connection.execute(query.order_by(jobs.c.id))):
        found[job.study_instance_uid].append(job)
    return found
