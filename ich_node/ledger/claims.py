"""Which job an analyser gets next: the lanes in their order, as statements."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from ich_node.ledger.counts import SERIES, add_counts, key_of
from ich_node.ledger.endings import NO_LEASE, put_back, without_answer
from ich_node.ledger.journal import note
from ich_node.ledger.rows import Job
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.tables import columns_of, jobs

CRASHED = "crashed"
# A large series lets ordinary ones pass for this long; then it is served before them.
PATIENCE = timedelta(minutes=1)
_other = jobs.alias("other")
STUDY_IS_BEING_READ = (
    sa.select(_other.c.id)
    .where(
        _other.c.study_instance_uid == jobs.c.study_instance_uid,
        _other.c.state == JobState.READING,
        _other.c.id != jobs.c.id,
    )
    .exists()
)


# The statements are constants: an idle analyser asks several times a second, and building a
# statement costs more than executing it.
NOW, LONG_AGO = (sa.bindparam(name, type_=jobs.c.ready_at.type) for name in ("now", "long_ago"))


def _ready(lane: Lane, since: sa.BindParameter[datetime] = NOW) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.state == JobState.WAITING, jobs.c.lane == lane, jobs.c.ready_at <= since)


GONE = 0  # the number of the first turn
# The order in which jobs are served: first those whose analyser is gone. Each turn is one range of
# an index.
TURNS = (
    sa.and_(jobs.c.state == JobState.READING, jobs.c.lease_until <= NOW),
    _ready(Lane.URGENT),
    _ready(Lane.SUSPECTED),
    _ready(Lane.LARGE, since=LONG_AGO),
    _ready(Lane.ORDINARY),
    _ready(Lane.LARGE),
)
WHOSE_TURN = sa.select(
    sa.case(
        *(
            (sa.select(jobs.c.id).where(turn, ~STUDY_IS_BEING_READ).exists(), sa.literal(number))
            for number, turn in enumerate(TURNS)
        ),
        else_=None,
    )
)
"""The number of the first turn that has a job to read; NULL if none has."""
AGAIN = _ready(Lane.AGAIN)
ANY_AGAIN = sa.select(jobs.c.id).where(AGAIN, ~STUDY_IS_BEING_READ).limit(1)

READY_IN_LANES = (
    sa.select(jobs.c.id)
    .where(
        jobs.c.state == JobState.WAITING,
        jobs.c.lane.in_(sa.bindparam("lanes", expanding=True)),
        jobs.c.ready_at <= NOW,
        ~STUDY_IS_BEING_READ,
    )
    .limit(1)
)


def _longest_ready(turn: sa.ColumnElement[bool]) -> sa.Select[int]:
    return (
        sa.select(jobs.c.id)
        .where(turn, ~STUDY_IS_BEING_READ)
        .order_by(jobs.c.ready_at, jobs.c.id)
        .limit(1)
    )


def _claim(turn: sa.ColumnElement[bool], **more: Any) -> ReturningUpdate[Any]:
    """One statement for both databases: for SQLite, which locks the whole database, SQLAlchemy
    leaves SKIP LOCKED out. more: columns that are set besides.
    """
    return (
        sa.update(jobs)
        .where(
            jobs.c.id == _longest_ready(turn).with_for_update(skip_locked=True).scalar_subquery()
        )
        .values(
            state=JobState.READING,
            attempts=jobs.c.attempts + 1,
            max_attempts=sa.bindparam("most_attempts"),
            content_at=sa.func.coalesce(jobs.c.content_at, NOW),
            lease_owner=sa.bindparam("owner"),
            lease_until=sa.bindparam("until", type_=jobs.c.lease_until.type),
            **more,
        )
        .returning(*columns_of(Job, jobs))
    )


CLAIMS = (
    _claim(TURNS[GONE], reader_killed_at=NOW),
    *(_claim(turn) for turn in TURNS[GONE + 1 :]),
)
CLAIM_AGAIN = _claim(AGAIN)


def claim_times(now: datetime) -> dict[str, Any]:
    return {"now": now, "long_ago": now - PATIENCE}


def fail_crashed(connection: sa.Connection, now: datetime, max_attempts: int) -> None:
    """Jobs whose analyser crashed, or hung until the lease ran out, in every allowed attempt."""
    crashed = connection.execute(
        sa.update(jobs)
        .where(
            jobs.c.state == JobState.READING,
            jobs.c.lease_until <= now,
            jobs.c.attempts >= max_attempts,
        )
        .values(
            state=JobState.FAILED,
            reason=CRASHED,
            detail="the analyser crashed or hung on every attempt",
            reader_killed_at=now,
            **without_answer(now),
            **NO_LEASE,
        )
        .returning(jobs.c.id, jobs.c.attempts)
    ).all()
    for row in crashed:
        note(
            connection,
            job_id=row.id,
            at=now,
            event="failed",
            detail=f"{CRASHED} {row.attempts} times",
        )
        put_back(connection, row.id, now)
    if crashed:  # the process that could count them is gone
        killed = key_of(SERIES, outcome=JobState.FAILED.lower(), reason=CRASHED)
        add_counts(connection, {killed: len(crashed)})
