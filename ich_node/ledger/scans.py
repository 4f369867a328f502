"""What statistics need of a series, long after its objects were removed: no identifiers, no free
text. The row is as old as its job.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from ich_node.ledger.tables import scans


@dataclass(frozen=True, kw_only=True)
class Scan:
    """As the headers say; empty or None where they say nothing. scanner: the model's name.
    slices: objects or frames. age_years: at most 90. sex: M, F, O or nothing.
    """

    manufacturer: str
    scanner: str
    body_part: str
    kernel: str
    slice_thickness_mm: float | None
    kvp: float | None
    slices: int
    age_years: int | None
    sex: str


def keep_scan(connection: sa.Connection, job_id: int, scan: Scan, *, answered_at: datetime) -> None:
    """In place of what an earlier attempt has kept."""
    connection.execute(sa.delete(scans).where(scans.c.job_id == job_id))
    connection.execute(
        sa.insert(scans).values(job_id=job_id, answered_at=answered_at, **asdict(scan))
    )
