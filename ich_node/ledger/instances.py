"""Which objects a revision of a series covers, and until when it may get more."""

from collections.abc import Sequence

import sqlalchemy as sa

from ich_node.ledger.rows import Instance, Job
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.tables import as_values, columns_of, instances, jobs

# A job that was never claimed may still get objects, unless it is read again: what arrives then
# must not wait behind all others. Once claimed it keeps its objects for ever,
# also through release, retry and a crash; objects that arrive later make a new revision. So no
# object is lost, and two readings of a revision see the same objects.
IS_OPEN = sa.and_(
    jobs.c.state == JobState.WAITING, jobs.c.content_at.is_(None), jobs.c.lane != Lane.AGAIN
)


def instances_of(connection: sa.Connection, job: Job) -> list[Instance]:
    """The newest version of each SOP Instance UID that had arrived for this revision of the
    series.
    """
    return _selected(connection, instances.c.id.in_(_newest(job)))


def older_versions_of(connection: sa.Connection, job: Job) -> list[Instance]:
    """The other versions, which came before under the same SOP Instance UIDs; oldest first."""
    return _selected(connection, sa.and_(_of_revision(job), instances.c.id.not_in(_newest(job))))


def sources_of(connection: sa.Connection, study: Sequence[Job]) -> dict[int, frozenset[str]]:
    """By job id: from which sources the objects came that each of these jobs of one study covers.
    Of a job whose objects were removed only the first source is known.
    """
    if not study:
        return {}
    rows = connection.execute(
        sa.select(instances.c.series_instance_uid, instances.c.revision, instances.c.source)
        .where(
            instances.c.series_instance_uid.in_({job.series_instance_uid for job in study}),
            instances.c.study_instance_uid == study[0].study_instance_uid,
        )
        .distinct()
    ).all()
    return {
        job.id: frozenset(
            row.source
            for row in rows
            if row.series_instance_uid == job.series_instance_uid and row.revision <= job.revision
        )
        | {job.source}
        for job in study
    }


def _selected(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> list[Instance]:
    rows = connection.execute(
        sa.select(*columns_of(Instance, instances)).where(chosen).order_by(instances.c.id)
    )
    return as_values(Instance, rows)


def _of_revision(job: Job) -> sa.ColumnElement[bool]:
    return sa.and_(
        instances.c.series_instance_uid == job.series_instance_uid,
        instances.c.study_instance_uid == job.study_instance_uid,
        instances.c.revision <= job.revision,
    )


def _newest(job: Job) -> sa.Select[tuple[int]]:
    return (
        sa.select(sa.func.max(instances.c.id))
        .where(_of_revision(job))
        .group_by(instances.c.sop_instance_uid)
    )
