"""Results that a new one replaces, and who got them.

A notification speaks of the study, and replaces the study's newest. An object replaces one of an
earlier revision of its series, one of a job whose answer it replaces, or one that says that the
study was not analysed.
"""

from collections.abc import Collection

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger.rows import Job, Result
from ich_node.ledger.tables import as_values, columns_of, deliveries, jobs, results
from ich_node.notification import KIND as NOTIFICATION


def previous_result(
    connection: sa.Connection,
    job: Job,
    kind: str,
    *,
    replaces: Collection[int],
    among: Collection[int] | None = None,
) -> Result | None:
    """The newest result of this kind ("sr", "notification") that a result of this job replaces.

    replaces: the jobs whose answer it replaces. among: only a result of one of these jobs; None:
    of any. An object that was taken back is not replaced.
    """
    query = (
        sa.select(*columns_of(Result, results))
        .join(jobs, jobs.c.id == results.c.job_id)
        .where(_replaced(job, kind, replaces), results.c.kind == kind)
        .order_by(results.c.id.desc())
        .limit(1)
    )
    if kind != NOTIFICATION:
        query = query.where(jobs.c.withdrawn_at.is_(None))
    if among is not None:
        query = query.where(jobs.c.id.in_(among))
    found = as_values(Result, connection.execute(query))
    return found[0] if found else None


def destinations(
    connection: sa.Connection, job: Job, kind: str, *, replaces: Collection[int]
) -> set[str]:
    """The destinations that have a delivery, in any state, of a result that one of this job
    replaces; kind: "notification", or any other for objects.
    """
    is_notification = results.c.kind == NOTIFICATION
    query = (
        sa.select(deliveries.c.destination)
        .join(results, results.c.id == deliveries.c.result_id)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(
            _replaced(job, kind, replaces),
            is_notification if kind == NOTIFICATION else ~is_notification,
        )
    )
    return set(connection.execute(query.distinct()).scalars())


def _replaced(job: Job, kind: str, replaces: Collection[int]) -> sa.ColumnElement[bool]:
    of_study = jobs.c.study_instance_uid == job.study_instance_uid
    if kind == NOTIFICATION:
        return of_study
    of_series = sa.and_(
        jobs.c.series_instance_uid == job.series_instance_uid, jobs.c.revision <= job.revision
    )
    has_no_answer = jobs.c.answer.is_(None) | (jobs.c.answer == Answer.NOT_ANALYSED)
    return sa.and_(of_study, of_series | jobs.c.id.in_(replaces) | has_no_answer)
