"""The scores that choose an operating point: one a series, of one model and its revisions."""

from datetime import timedelta

import sqlalchemy as sa

from ich_node.ledger.tables import jobs, readings
from tests.support.ledger_examples import QUIET, T0, add, claim, finish

DAY = timedelta(days=1)
BUNDLE = "b" * 64


def read_series(ledger, number, **values) -> int:
    """A series that was read, whose row has these values."""
    add(ledger, series=f"2.25.{number}")
    job = claim(ledger)
    finish(ledger, job, count=0)
    with ledger.database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(**values))
    return job.id


def scores(ledger, bundles=(BUNDLE,)) -> dict[int, float]:
    found = ledger.scores.scores(bundles, since=T0, until=T0 + DAY)
    return {each.id: each.series_probability for each in found}


def test_the_scores_of_a_model(ledger):
    """Not those of another one, nor of answers that were withdrawn, replaced or not told, nor of
    another time.
    """
    first = read_series(ledger, 1, series_probability=0.25)
    read_series(ledger, 2, bundle_sha256="c" * 64)
    read_series(ledger, 3, withdrawn_at=T0)
    read_series(ledger, 4, in_favour_of=first)
    read_series(ledger, 5, first_received_at=T0 - DAY)
    assert scores(ledger) == {first: 0.25}


def test_when_the_newest_jobs_begin(ledger):
    """So that a page counts a few thousand series, and not those of years."""
    for number in range(3):
        read_series(ledger, number, first_received_at=T0 + number * DAY)
    since = ledger.scores.since_of_newest
    assert since(2, since=T0) == T0 + DAY
    assert since(3, since=T0) == T0
    assert since(9, since=T0) == T0
    assert since(1, since=T0 + 5 * DAY) == T0 + 5 * DAY


def test_the_newest_revision_counts(ledger):
    read_series(ledger, 1, series_probability=0.25)
    add(ledger, 2, at=T0 + QUIET)
    late = claim(ledger, at=T0 + 2 * QUIET)
    finish(ledger, late, at=T0 + 2 * QUIET)
    assert scores(ledger) == {late.id: 0.875}


def test_what_a_model_read_beside_another_counts(ledger):
    """A shadow of the active bundle has scores, too; the answer that was told counts first."""
    job_id = read_series(ledger, 1, series_probability=0.25)
    with ledger.database.write() as connection:
        connection.execute(
            sa.insert(readings).values(
                job_id=job_id,
                purpose="shadow",
                bundle_sha256="c" * 64,
                bundle_name="other",
                bundle_path="c.safetensors",
                state="DONE",
                requested_at=T0,
                who="root",
                attempts=1,
                series_probability=0.75,
            )
        )
    assert scores(ledger, ["c" * 64]) == {job_id: 0.75}
    assert scores(ledger, ["c" * 64, BUNDLE]) == {job_id: 0.25}
