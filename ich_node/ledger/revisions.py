"""The next revision of a series that covers the same objects as the one before."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ich_node.ledger.journal import note
from ich_node.ledger.states import JobState, Lane
from ich_node.ledger.tables import jobs

# what is true of the objects, whoever reads them
KEPT = (
    "study_instance_uid",
    "series_instance_uid",
    "ready_by",
    "first_received_at",
    "last_received_at",
    "source",
    "objects",
    "objects_looked_at",
    "accession_hmac",
    "patient_hmac",
    "series_description",
    "modality",
    "released_at",
)


def open_revision(
    connection: sa.Connection,
    row: Mapping[Any, Any],
    *,
    now: datetime,
    event: str,
    why: str,
    lane: Lane,
    transfer_aborted: bool,
    read_with: str | None = None,
) -> int:
    """row: the job of the revision before, all columns. The id of the new job, which is ready."""
    revision = row["revision"] + 1
    job_id: int = connection.execute(
        sa.insert(jobs)
        .values(
            **{name: row[name] for name in KEPT},
            state=JobState.WAITING,
            revision=revision,
            attempts=0,
            ready_at=now,
            lane=lane,
            transfer_aborted=transfer_aborted,
            read_with=read_with,
        )
        .returning(jobs.c.id)
    ).scalar_one()
    note(connection, job_id=job_id, at=now, event=event, detail=f"revision {revision}: {why}")
    return job_id
