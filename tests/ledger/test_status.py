"""What the node has to do, and what wants a hand; in a large ledger by its indexes alone."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ich_node.ledger import JobState, Lane
from ich_node.ledger.status import _AT, _OWED, OwedTo, Stage
from ich_node.ledger.tables import jobs
from ich_node.ledger.troubles import MOST_OF_A_KIND
from tests.support.ledger_examples import LEASE, QUIET, SECOND, T0, add, claim, finish

READY = T0 + QUIET
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Sent:
    """Claims and settles deliveries."""

    ledger: object

    def claim(self, at, limit=1):
        return self.ledger.delivery.claim_deliveries(owner="s", now=at, lease=LEASE, limit=limit)


def fail(ledger, job, *, at=READY):
    ledger.reading.fail(job, now=at, reason="crashed", detail="KeyError", retry_at=None)


def set_state(ledger, job_id, **values):
    with ledger.database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def test_jobs_by_state(ledger):
    """Every job that wants something is in one stage; what has ended is in none."""
    for number in range(1, 9):
        add(ledger, series=f"2.25.{number}", at=T0 + number * SECOND)
    finish(ledger, claim(ledger, at=READY + 9 * SECOND))
    fail(ledger, claim(ledger, at=READY + 9 * SECOND))
    claim(ledger, at=READY + 9 * SECOND)
    held = claim(ledger, at=READY + 9 * SECOND)
    until = READY + HOUR
    ledger.reading.hold(held, now=READY, until=until, rule="phantoms", detail="")
    set_state(ledger, 5, lane=Lane.AGAIN)
    now = READY + 7 * SECOND
    found = ledger.status.jobs_by_state(now)
    assert {stage: (at.jobs, at.oldest, at.age_seconds) for stage, at in found.items()} == {
        Stage.ARRIVING: (1, T0 + 8 * SECOND, 19),
        Stage.WAITING: (2, READY + 6 * SECOND, 1),
        Stage.READING: (1, READY + 3 * SECOND, 4),
        Stage.AGAIN: (1, READY + 5 * SECOND, 2),
        Stage.HELD: (1, READY + 4 * SECOND, 3),
        Stage.FAILED: (1, READY + 2 * SECOND, 5),
    }
    assert ledger.status.newest_job() == 8


def test_empty_ledger(ledger):
    assert {at.jobs for at in ledger.status.jobs_by_state(T0).values()} == {0}
    assert ledger.status.owed_by_destination(T0) == []
    assert ledger.status.newest_job() == 0
    assert ledger.troubles.given_up().first == ledger.troubles.failed_series().first == []


def test_owed_by_destination(ledger):
    """What is given up is no longer owed, and does not age."""
    for number, destinations in ((1, ("pacs", "ris")), (2, ("pacs",))):
        add(ledger, series=f"2.25.{number}", at=T0 + number * SECOND)
        at = READY + number * SECOND
        finish(ledger, claim(ledger, at=at), at=at, destinations=destinations)
    first, second, third = (Sent(ledger).claim(READY + HOUR)[0] for _ in range(3))
    by = {"owner": "s", "now": READY + HOUR}
    assert [each.destination for each in (first, second, third)] == ["pacs", "ris", "pacs"]
    ledger.delivery.give_up([first.id], detail="refused", **by)
    ledger.delivery.delivered([second.id], **by)
    ledger.delivery.stored([third.id], transaction_uid="2.25.5", answer_by=READY + 2 * HOUR, **by)
    now = READY + 11 * SECOND
    assert ledger.status.owed_by_destination(now) == [
        OwedTo(
            destination="pacs",
            owed=3,
            uncommitted=1,
            failed=1,
            oldest=READY + 1 * SECOND,
            age_seconds=10,
        ),
        OwedTo(
            destination="ris",
            owed=1,
            uncommitted=0,
            failed=0,
            oldest=READY + 1 * SECOND,
            age_seconds=10,
        ),
    ]


def test_series_that_failed(ledger):
    """They are troubles until they are read again, or cannot be any more."""
    add(ledger)
    job = claim(ledger)
    fail(ledger, job, at=READY + SECOND)
    (found,) = ledger.troubles.failed_series().first
    assert (found.job_id, found.source, found.since, found.reason) == (
        job.id,
        "ct",
        READY + SECOND,
        "crashed",
    )
    ledger.operator.retry(job.id, now=READY)
    assert ledger.troubles.failed_series().first == []


def test_the_oldest_are_named_and_the_others_counted(ledger):
    for number in range(MOST_OF_A_KIND + 3):
        add(ledger, series=f"2.25.{number + 1}", at=T0 + number * SECOND)
        fail(ledger, claim(ledger, at=READY + HOUR))
    found = ledger.troubles.failed_series()
    assert [each.job_id for each in found.first] == list(range(1, MOST_OF_A_KIND + 1))
    assert found.more == 3


def test_series_without_an_answer_in_time(ledger):
    """Those that wait or are being read, not those that an operator has read again."""
    for number in range(1, 5):
        add(ledger, series=f"2.25.{number}", at=T0 + number * SECOND)
    finish(ledger, claim(ledger, at=READY + HOUR))
    set_state(ledger, 2, lane=Lane.AGAIN)
    claim(ledger, at=READY + HOUR)
    found = ledger.troubles.overdue_series(long_ago=T0 + 3 * SECOND)
    assert [(each.job_id, each.since) for each in found.first] == [(3, T0 + 3 * SECOND)]
    set_state(ledger, 4, released_at=T0 + HOUR)
    found = ledger.troubles.overdue_series(long_ago=T0 + 4 * SECOND)
    assert [each.job_id for each in found.first] == [3]


def test_reader_that_was_killed(ledger):
    """Who takes a job over after its lease says so in its story, and the ledger knows when."""
    add(ledger)
    claim(ledger, owner="host:1")
    late = READY + LEASE
    assert ledger.troubles.killed_readers(since=T0).first == []
    job = claim(ledger, at=late, owner="host:2")
    assert ledger.operator.events(job.id)[-1].detail == (
        "try 2, by host:2; the process that read it before ended or hung"
    )
    (found,) = ledger.troubles.killed_readers(since=late).first
    assert (found.job_id, found.since) == (job.id, late)
    finish(ledger, job, at=late)
    assert ledger.troubles.killed_readers(since=late).first == [found]
    assert ledger.troubles.killed_readers(since=late + SECOND).first == []


def test_reader_that_was_killed_at_the_last_attempt(ledger):
    add(ledger)
    claim(ledger, max_attempts=1)
    late = READY + LEASE
    assert claim(ledger, at=late, max_attempts=1) is None
    assert ledger.operator.get(1).state is JobState.FAILED
    assert [each.since for each in ledger.troubles.killed_readers(since=late).first] == [late]


def test_deliveries_that_were_given_up(ledger):
    """Those of one job and destination are one trouble."""
    add(ledger)
    finish(ledger, claim(ledger), destinations=("pacs", "ris"))
    claimed = Sent(ledger).claim(READY, limit=9)
    ids = [each.id for each in claimed]
    ledger.delivery.give_up(ids, owner="s", now=READY + HOUR, detail="refused")
    (found,) = ledger.troubles.given_up().first
    assert (found.job_id, found.destination, found.objects, found.since) == (1, "pacs", 2, READY)


@pytest.mark.parametrize("stage", Stage)
def test_no_count_reads_the_whole_table(sqlite_ledger, stage):
    """SQLite's plan: a range of an index, however many jobs have ended."""
    assert not [step for step in _plan(sqlite_ledger, _AT[stage]) if step.startswith("SCAN jobs")]


def test_what_is_owed_is_counted_in_its_index(sqlite_ledger):
    plan = _plan(sqlite_ledger, _OWED)
    assert plan == ["SCAN deliveries USING COVERING INDEX ix_deliveries_owed_to"]


def _plan(ledger, statement) -> list[str]:
    """What SQLite does for the statement as it is executed."""
    seen = []
    sa.event.listen(
        ledger.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, text, parameters, *_: seen.append((text, parameters)),
    )
    with ledger.database.read() as connection:
        connection.execute(statement, {"now": T0})
        text, parameters = seen[-1]
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
        return [row.detail for row in rows]
