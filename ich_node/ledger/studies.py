"""The jobs of one study, and the lock that lets one process at a time decide what is told of it."""

import hashlib

import sqlalchemy as sa

from ich_node.ledger.rows import Job
from ich_node.ledger.states import JobState
from ich_node.ledger.tables import as_values, columns_of, jobs

PENDING = (JobState.WAITING, JobState.READING, JobState.HELD)


def lock_study(connection: sa.Connection, study_instance_uid: str) -> None:
    """Until the end of the transaction; SQLite has one writer at a time anyway.

    Not by locks on the rows: a receiver updates rows of many studies in one transaction, in the
    order of arrival, and two orders of locking would end in a deadlock.
    """
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(study_instance_uid.encode()).digest()[:8], signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def jobs_of_study(connection: sa.Connection, study_instance_uid: str) -> list[Job]:
    """The oldest first."""
    return as_values(
        Job,
        connection.execute(
            sa.select(*columns_of(Job, jobs))
            .where(jobs.c.study_instance_uid == study_instance_uid)
            .order_by(jobs.c.id)
        ),
    )
