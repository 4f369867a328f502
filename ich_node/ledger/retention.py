"""Which files the ledger no longer needs, and, long after them, which rows."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.journal import note
from ich_node.ledger.states import SETTLED, JobState, ReadingState
from ich_node.ledger.tables import (
    deliveries,
    instances,
    job_events,
    jobs,
    map_files,
    readings,
    results,
    scans,
    verdicts,
)

ENDED = (JobState.DONE, JobState.REFUSED, JobState.CANCELLED, JobState.SET_ASIDE)
# FAILED jobs may be retried: they expire by age only, never to make room.
ENDED_OR_FAILED = (*ENDED, JobState.FAILED)


def sweepable_series(
    connection: sa.Connection, *, idle_since: datetime, failed_too: bool, limit: int
) -> Sequence[sa.Row[Any]]:
    """Study and series UIDs of what can be swept, the oldest first."""
    return connection.execute(_sweepable(_states(failed_too), idle_since).limit(limit)).all()


def sweep_series(
    connection: sa.Connection, series: sa.Row[Any], *, failed_too: bool, now: datetime
) -> list[str]:
    """Forget the files of a series that `sweepable_series` found; their paths. None if one of its
    revisions is waiting or being read by now.
    """
    mine = sa.and_(
        jobs.c.series_instance_uid == series.series_instance_uid,
        jobs.c.study_instance_uid == series.study_instance_uid,
    )
    locked = connection.execute(
        sa.select(jobs.c.id, jobs.c.state, jobs.c.revision).where(mine).with_for_update()
    ).all()
    if any(row.state not in _states(failed_too) for row in locked):
        return []
    ids = [row.id for row in locked]
    # Only up to the revisions that are locked: an object that arrives at this moment opens another
    # one.
    forgotten = (
        sa.delete(instances)
        .where(
            instances.c.series_instance_uid == series.series_instance_uid,
            instances.c.study_instance_uid == series.study_instance_uid,
            instances.c.revision <= max(row.revision for row in locked),
        )
        .returning(instances.c.path)
    )
    paths = list(connection.execute(forgotten).scalars())
    for made in (results, map_files):
        paths += connection.execute(
            sa.select(made.c.path)
            .join(jobs, jobs.c.id == made.c.job_id)
            .where(made.c.job_id.in_(ids), jobs.c.swept_at.is_(None))
        ).scalars()
    newly = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id.in_(ids), jobs.c.swept_at.is_(None))
        .values(swept_at=now)
        .returning(jobs.c.id)
    ).scalars()
    connection.execute(
        sa.update(readings)
        .where(readings.c.job_id.in_(ids), readings.c.state == ReadingState.WAITING)
        .values(state=ReadingState.SWEPT)
    )
    for job_id in newly.all():
        note(
            connection,
            job_id=job_id,
            at=now,
            event="swept",
            detail="its files are removed; the job and its events stay",
        )
    return paths


def is_any_prunable(connection: sa.Connection, *, swept_before: datetime) -> bool:
    return connection.execute(_prunable(swept_before).limit(1)).first() is not None


def prune(connection: sa.Connection, *, swept_before: datetime, limit: int) -> int:
    """Delete the rows of up to `limit` jobs, with all that belongs to them; how many."""
    ids = list(
        connection.execute(
            _prunable(swept_before).limit(limit).with_for_update(skip_locked=True)
        ).scalars()
    )
    for table in (deliveries, results, map_files, job_events, readings, scans, verdicts):
        connection.execute(sa.delete(table).where(table.c.job_id.in_(ids)))
    connection.execute(sa.delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids)


def unreferenced(connection: sa.Connection, paths: Collection[str]) -> set[str]:
    """The paths that neither an instance names, nor a result or the maps of an unswept job."""
    received = sa.select(instances.c.path).where(instances.c.path.in_(paths))
    made = [
        sa.select(table.c.path)
        .join(jobs, jobs.c.id == table.c.job_id)
        .where(table.c.path.in_(paths), jobs.c.swept_at.is_(None))
        for table in (results, map_files)
    ]
    return set(paths) - set(connection.execute(sa.union(received, *made)).scalars())


def _prunable(swept_before: datetime) -> sa.Select[Any]:
    other = jobs.alias("other")
    lives = sa.select(other.c.id).where(
        other.c.series_instance_uid == jobs.c.series_instance_uid,
        other.c.study_instance_uid == jobs.c.study_instance_uid,
        other.c.swept_at.is_(None) | (other.c.swept_at >= swept_before),
    )
    owed = sa.select(deliveries.c.id).where(
        deliveries.c.job_id == jobs.c.id, deliveries.c.state.not_in(SETTLED)
    )
    return (
        sa.select(jobs.c.id)
        .where(jobs.c.swept_at < swept_before, ~lives.exists(), ~owed.exists())
        .order_by(jobs.c.swept_at)
    )


def _states(failed_too: bool) -> tuple[JobState, ...]:
    return ENDED_OR_FAILED if failed_too else ENDED


def _sweepable(states: tuple[JobState, ...], idle_since: datetime) -> sa.Select[Any]:
    other = jobs.alias("other")
    same_series = sa.and_(
        other.c.series_instance_uid == jobs.c.series_instance_uid,
        other.c.study_instance_uid == jobs.c.study_instance_uid,
    )
    goes_on = sa.select(other.c.id).where(
        same_series, other.c.state.not_in(states) | (other.c.last_received_at >= idle_since)
    )
    owes = (
        sa.select(deliveries.c.id)
        .join(other, other.c.id == deliveries.c.job_id)
        .where(
            same_series, (deliveries.c.state.not_in(SETTLED)) | (deliveries.c.sent_at >= idle_since)
        )
    )
    # each series once: at its first revision that is not swept
    earlier = sa.select(other.c.id).where(
        same_series, other.c.swept_at.is_(None), other.c.revision < jobs.c.revision
    )
    return (
        sa.select(jobs.c.series_instance_uid, jobs.c.study_instance_uid)
        .where(
            jobs.c.swept_at.is_(None),
            jobs.c.state.in_(states),
            ~earlier.exists(),
            ~goes_on.exists(),
            ~owes.exists(),
        )
        .order_by(jobs.c.last_received_at)
    )
