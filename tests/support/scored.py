"""A ledger with series that a bundle has read, each with a score."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import Ledger
from ich_node.ledger.tables import verdicts
from tests.support.ledger_examples import LEASE, MAX_WAIT, instance


def add_scores(
    ledger: Ledger,
    scores: Sequence[float],
    *,
    bundle_sha256: str,
    threshold: float,
    first: datetime,
    step: timedelta,
    labels: Mapping[int, bool] | None = None,
) -> None:
    """One series each `step`, with the job ids 1, 2, 3... labels: what a reader said of a job."""
    for number, score in enumerate(scores, start=1):
        at = first + (number - 1) * step
        ledger.receiving.add(
            instance(series=f"2.25.{number}", at=at), ready_at=at, max_wait=MAX_WAIT
        )
        job = ledger.reading.claim(owner="host:1", now=at, lease=LEASE, max_attempts=3)
        assert job is not None
        ledger.reading.finish(
            job,
            now=at,
            answer=Answer.PRESENT if score >= threshold else Answer.ABSENT,
            series_probability=score,
            bundle_sha256=bundle_sha256,
            results=(),
            destinations=(),
        )
    with ledger.database.write() as connection:
        for job_id, bleeding in (labels or {}).items():
            connection.execute(
                sa.insert(verdicts).values(
                    job_id=job_id,
                    at=first,
                    bleeding=bleeding,
                    type="",
                    who="reader",
                    origin="table",
                    slices="",
                    comment="",
                )
            )
