"""The cost of each operation while the ledger grows from 1 to 1,000,000 jobs:
`python -m benchmarks.ledger_growth [URL]`.

URL: an empty database; without it, a new SQLite file. Nearly all jobs have ended, as in a ledger of
years; some wait, and each operation must find its row without reading the others.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median

import sqlalchemy as sa

from benchmarks.pictures import new_picture, save
from benchmarks.side_by_side import write_table
from ich_node.answer import Answer
from ich_node.ledger import Instance, Ledger, Result, open_ledger, tables

SIZES = [
    int(size)
    for size in os.environ.get("ICH_NODE_BENCH_JOBS", "1,1000,10000,100000,1000000").split(",")
]
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "40"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LEASE, MAX_WAIT = timedelta(minutes=2), timedelta(minutes=15)
OPERATIONS = (
    "one small row and a commit (the floor)",
    "add an object",
    "claim a job",
    "ask in vain for a job",
    "look for a series that arrives, in vain",
    "finish with a result for one destination",
    "claim a delivery",
    "settle a delivery",
    "look for what to sweep, prune or mend, in vain",
)
# Ended long ago, each with a result that was delivered, and one object.
FILL = (
    """INSERT INTO jobs (id, state, study_instance_uid, series_instance_uid, revision, attempts,
       max_attempts, ready_at, ready_by, first_received_at, last_received_at, content_at, answer,
       series_probability, bundle_sha256, source, swept_at, lane, objects, objects_looked_at,
       transfer_aborted)
       SELECT n, 'DONE', '2.25.9' || n, '2.25.8' || n, 1, 1, 3, '{day}', '{day}', '{day}', '{day}',
       '{day}', 'present', 0.5, 'b', 'ct', '{day}', 2, 30, 30, {false} FROM numbers""",
    """INSERT INTO instances (id, sop_instance_uid, sop_class_uid, study_instance_uid,
       series_instance_uid, transfer_syntax_uid, sha256, path, size_bytes, source, received_at,
       revision)
       SELECT n, '2.25.7' || n, '1.2.840.10008.5.1.4.1.1.2', '2.25.9' || n, '2.25.8' || n,
       '1.2.840.10008.1.2.1', 'hash' || n, 'objects/aa/' || n, 526000, 'ct', '{day}', 1
       FROM numbers""",
    """INSERT INTO results (id, job_id, sop_instance_uid, sop_class_uid, kind, path, sha256,
       size_bytes)
       SELECT n, n, '2.25.6' || n, '1.2.840.10008.5.1.4.1.1.88.34', 'sr', 'objects/bb/' || n,
       'result' || n, 30000 FROM numbers""",
    """INSERT INTO deliveries (id, job_id, result_id, destination, state, attempts, next_at,
       first_at, sent_at)
       SELECT n, n, n, 'pacs', 'SENT', 1, '{day}', '{day}', '{day}' FROM numbers""",
    """INSERT INTO job_events (id, job_id, at, event, detail)
       SELECT n, n, '{day}', 'done', '1 results for pacs' FROM numbers""",
)
TABLES = (tables.jobs, tables.instances, tables.results, tables.deliveries, tables.job_events)
NUMBERS = (
    "WITH RECURSIVE numbers(n) AS"
    " (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) "
)


def main(url: str | None) -> None:
    with empty_database(url) as database:
        ledger = open_ledger(database)
        engine = sa.create_engine(database)
        backend = engine.dialect.name
        rows: list[list[str]] = []
        there = 1  # the measured rows stay, too: a few at each size
        for size in SIZES:
            if size > there:
                fill(engine, size - there)
            there = size
            measured = measure(ledger, engine, size)
            rows.append([f"{size:,}", *(f"{measured[operation]:.2f}" for operation in OPERATIONS)])
        ledger.dispose()
        engine.dispose()
    write_table(
        f"ledger-growth-{backend}",
        f"The ledger on {backend} as it grows: milliseconds of one operation, medians of {ROUNDS}",
        ["jobs", *OPERATIONS],
        rows,
        packages=["sqlalchemy"],
    )
    if url is None:
        draw(rows)


@contextmanager
def empty_database(url: str | None) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield url or f"sqlite:///{folder}/ledger.sqlite"


def fill(engine: sa.Engine, more: int) -> None:
    """So many ended jobs more."""
    is_sqlite = engine.dialect.name == "sqlite"
    values = {
        "day": "2025-06-01 12:00:00.000000" if is_sqlite else "2025-06-01 12:00:00+00",
        "false": "0" if is_sqlite else "false",
    }
    with engine.begin() as connection:
        highest = max(
            connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
            for table in TABLES
        )
        numbers = NUMBERS.format(first=highest + 1, last=highest + more)
        for statement in FILL:
            insert, _, select = statement.format(**values).partition("SELECT")
            sql = (
                f"{numbers}{insert}SELECT{select}"
                if is_sqlite
                else f"{insert}{numbers}SELECT{select}"
            )
            connection.exec_driver_sql(sql)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not is_sqlite:
            for table in TABLES:
                sequence = sa.func.pg_get_serial_sequence(table.name, "id")
                connection.execute(
                    sa.select(
                        sa.func.setval(
                            sequence, sa.select(sa.func.max(table.c.id)).scalar_subquery()
                        )
                    )
                )
        connection.exec_driver_sql("ANALYZE")


def measure(ledger: Ledger, engine: sa.Engine, size: int) -> dict[str, float]:
    """Each operation in its turn, as a series goes through the node."""
    times: dict[str, list[float]] = {operation: [] for operation in OPERATIONS}

    def timed(operation: str, work: Callable[[], object]) -> object:
        began = time.perf_counter()
        result = work()
        times[operation].append(1000 * (time.perf_counter() - began))
        return result

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS floor (n INTEGER)")
    for number in range(ROUNDS):
        timed(OPERATIONS[0], lambda: commit_one_row(engine))
        instance = an_instance(f"{size}.{number}")
        timed(
            "add an object",
            lambda instance=instance: ledger.receiving.add(
                instance, ready_at=NOW, max_wait=MAX_WAIT
            ),  # type: ignore[misc]
        )
        job = timed(
            "claim a job",
            lambda: ledger.reading.claim(owner="bench", now=NOW, lease=LEASE, max_attempts=3),
        )
        timed(
            "ask in vain for a job",
            lambda: ledger.reading.claim(owner="bench", now=NOW, lease=LEASE, max_attempts=3),
        )
        timed(
            "look for a series that arrives, in vain",
            lambda: ledger.reading.previews.claim(now=NOW, until=NOW),
        )
        result = a_result(f"{size}.{number}")
        timed(
            "finish with a result for one destination",
            lambda job=job, result=result: finish(ledger, job, [result]),  # type: ignore[misc]
        )
        claimed = timed(
            "claim a delivery",
            lambda: ledger.delivery.claim_deliveries(owner="bench", now=NOW, lease=LEASE, limit=50),
        )
        ids = [delivery.id for delivery in claimed]  # type: ignore[attr-defined]
        timed(
            "settle a delivery",
            lambda ids=ids: ledger.delivery.delivered(ids, owner="bench", now=NOW),  # type: ignore[misc]
        )
        timed(OPERATIONS[-1], lambda: housekeeping(ledger))
    return {operation: median(measured) for operation, measured in times.items()}


def commit_one_row(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO floor VALUES (1)")


def housekeeping(ledger: Ledger) -> None:
    """What the sender does once a minute."""
    long_ago = NOW - timedelta(days=3650)
    ledger.maintenance.shorten_waits(now=NOW, longest=timedelta(days=1))
    ledger.maintenance.sweep_series(idle_since=long_ago, failed_too=True, limit=20, now=NOW)
    ledger.maintenance.prune(swept_before=long_ago, limit=200)
    ledger.maintenance.forget_answers(made_before=long_ago)


def finish(ledger: Ledger, job: object, results: Sequence[Result]) -> None:
    ledger.reading.finish(
        job,  # type: ignore[arg-type]
        now=NOW,
        answer=Answer.PRESENT,
        series_probability=0.9,
        bundle_sha256="b",
        results=results,
        destinations=["pacs"],
    )


def an_instance(name: str) -> Instance:
    return Instance(
        sop_instance_uid=f"2.25.1.{name}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_instance_uid=f"2.25.3.{name}",
        series_instance_uid=f"2.25.2.{name}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=name,
        path=f"objects/cc/{name}",
        size_bytes=526_000,
        source="ct",
        received_at=NOW,
    )


def a_result(name: str) -> Result:
    return Result(
        sop_instance_uid=f"2.25.4.{name}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
        kind="sr",
        path=f"objects/dd/{name}",
        sha256=f"result {name}",
        size_bytes=30_000,
    )


def draw(rows: Sequence[Sequence[str]]) -> None:
    figure, axes = new_picture()
    sizes = [int(row[0].replace(",", "")) for row in rows]
    for column, operation in enumerate(OPERATIONS, start=1):
        style = "k--" if column == 1 else "o-"
        axes.plot(sizes, [float(row[column]) for row in rows], style, label=operation)
    axes.set(xscale="log", xlabel="jobs in the ledger", ylabel="ms", ylim=(0, None))
    axes.legend(fontsize=7, ncols=2)
    axes.set_title("SQLite, WAL, every commit on disk", fontsize=9)
    save(figure, "growth-ledger")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
