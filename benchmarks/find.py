"""`jobs list` with each filter in a ledger of 1,000,000 jobs: `python -m benchmarks.find [URL]`.

URL: an empty database; without it, a new SQLite file.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.ledger_growth import NUMBERS, empty_database
from benchmarks.side_by_side import write_table
from ich_node.answer import Answer
from ich_node.ledger import JobSearch, JobState, Ledger, open_ledger

JOBS = int(os.environ.get("ICH_NODE_BENCH_JOBS", "1000000"))
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "20"))
SHOWN = 20
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# A series every 30 seconds: the oldest of a million is a year old.
STEP_SECONDS = 30
UID = "1.2.826.0.1.3680043.10.1624.21."
FILL = (
    # One in 200 is refused, one in 1000 failed, one in 100,000 held; the newest 20 wait. One in 8
    # is positive. Every third series is another study, every sixth another patient. One source
    # sends one in 10,000.
    """INSERT INTO jobs (id, state, study_instance_uid, series_instance_uid, revision, attempts,
       max_attempts, ready_at, ready_by, first_received_at, last_received_at, content_at, answer,
       series_probability, bundle_sha256, source, lane, objects, objects_looked_at,
       transfer_aborted, accession_hmac, patient_hmac, series_description, modality)
       SELECT n,
       CASE WHEN n > {jobs} - 20 THEN 'WAITING' WHEN n % 200 = 0 THEN 'REFUSED'
            WHEN n % 1000 = 1 THEN 'FAILED' WHEN n % 100000 = 2 THEN 'HELD' ELSE 'DONE' END,
       '{uid}' || (100000000 + n / 3), '{uid}' || (100000000 + n / 3) || '.' || (500000000 + n),
       1, 1, 3, {at}, {at}, {at}, {at}, {at},
       CASE WHEN n > {jobs} - 20 THEN NULL WHEN n % 200 = 0 OR n % 1000 = 1 THEN 'not_analysed'
            WHEN n % 8 = 0 THEN 'present' WHEN n % 50 = 3 THEN 'undetermined' ELSE 'absent' END,
       {probability}, '{bundle}',
       CASE WHEN n % 10000 = 7 THEN 'ct-rare' ELSE 'ct-' || (n % 4) END, 2, 30, 30,
       {false}, 'accession {digits}' || (n / 3), 'patient {digits}' || (n / 6),
       'HEAD 5.0 H31s', 'CT'
       FROM numbers""",
    """INSERT INTO results (id, job_id, sop_instance_uid, sop_class_uid, kind, path, sha256,
       size_bytes)
       SELECT n, n, '2.25.6' || n, '1.2.840.10008.5.1.4.1.1.88.34', 'sr',
       'objects/bb/{digits}' || (1000000000000000 + n) || '.dcm', 'result' || n, 30000
       FROM numbers""",
    # A destination has been down for the newest series, and one in 5,000 was given up.
    """INSERT INTO deliveries (id, job_id, result_id, destination, state, attempts, next_at,
       first_at)
       SELECT n, n, n, 'pacs', CASE WHEN n > {jobs} - {owed} THEN 'PENDING'
       WHEN n % 5000 = 1 THEN 'FAILED' ELSE 'SENT' END, 1, {at}, {at} FROM numbers""",
)
DIGITS = "0123456789abcdef" * 3
FILTERS: dict[str, dict[str, Any]] = {
    "no filter": {},
    "--accession": {"accession_hmac": f"accession {DIGITS}111111"},
    "--patient": {"patient_hmac": f"patient {DIGITS}55555"},
    "--study": {"study_instance_uid": f"{UID}100111111"},
    "--since 2h": {"since": NOW - timedelta(hours=2)},
    "--until, half a year ago": {"until": NOW - timedelta(days=180)},
    "--source, one in 4": {"source": "ct-1"},
    "--source, one in 10,000": {"source": "ct-rare"},
    "--state failed": {"states": (JobState.FAILED,)},
    "--state held,waiting": {"states": (JobState.HELD, JobState.WAITING)},
    "--state done": {"states": (JobState.DONE,)},
    "--positive": {"outcomes": (Answer.PRESENT,)},
    "--negative": {"outcomes": (Answer.ABSENT,)},
    "--undetermined --refused": {"outcomes": (Answer.UNDETERMINED, JobState.REFUSED)},
    "--owed": {"is_owed": True},
    "--owed --until, half a year ago": {
        "is_owed": True, "until": NOW - timedelta(days=180),
    },
    "--source, one in 10,000 --negative": {"source": "ct-rare", "outcomes": (Answer.ABSENT,)},
    "--source, one in 4 --state done --positive --since 60d": {
        "source": "ct-0", "states": (JobState.DONE,), "outcomes": (Answer.PRESENT,),
        "since": NOW - timedelta(days=60),
    },
    "--source, one in 4 --state held": {"source": "ct-2", "states": (JobState.HELD,)},
}  # fmt: skip


def main(url: str | None) -> None:
    with empty_database(url) as database:
        ledger = open_ledger(database)
        backend = ledger.database.engine.dialect.name
        fill_with_jobs(ledger, JOBS, newest_at=NOW)
        rows = []
        for name, search in FILTERS.items():
            asked = JobSearch(**search)
            rows.append([f"`jobs list` {name}", *timed(partial(listed, ledger, asked))])
        rows.append(["`jobs show`, the end of a UID", *timed(lambda: by_uid(ledger))])
        rows.append(["`jobs show`, an accession number", *timed(lambda: by_accession(ledger))])
        ledger.dispose()
    write_table(
        f"find-{backend}",
        f"Finding jobs among {JOBS:,} on {backend}: milliseconds of {ROUNDS} searches",
        ["search", "shown", "median", "longest", "CPU of this process"],
        rows,
        packages=["sqlalchemy"],
    )


def fill_with_jobs(
    ledger: Ledger,
    count: int,
    *,
    newest_at: datetime,
    bundle: str = "b",
    owed: int = 2000,
    more: Sequence[str] = (),
) -> None:
    """In the usual proportions, with one result each for one destination; the newest are owed.
    more: statements like those of FILL.
    """
    engine = ledger.database.engine
    is_sqlite = engine.dialect.name == "sqlite"
    seconds = f"({count} - n) * {STEP_SECONDS}"
    newest = f"{newest_at:%Y-%m-%d %H:%M:%S}"
    values = {
        "jobs": count,
        "uid": UID,
        "digits": DIGITS,
        "bundle": bundle,
        "owed": owed,
        # spread over 0 to 1, high where the answer is "present"
        "probability": "(n * 37 % 500 + CASE WHEN n % 8 = 0 THEN 500 ELSE 0 END) / 1000.0",
        "false": "0" if is_sqlite else "false",
        "true": "1" if is_sqlite else "true",
        "at": f"datetime('{newest}', '-' || ({seconds}) || ' seconds') || '.000000'"
        if is_sqlite
        else f"timestamptz '{newest}+00' - ({seconds}) * interval '1 second'",
    }
    numbers = NUMBERS.format(first=1, last=count)
    with engine.begin() as connection:
        for statement in (*FILL, *more):
            insert, _, select = statement.format(**values).partition("SELECT")
            sql = f"{insert}{numbers}SELECT{select}"
            connection.exec_driver_sql(sql if is_sqlite else sql.replace("%", "%%"))
    if not is_sqlite:  # autovacuum does it on a server that runs for longer
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE"))


def timed(search: Callable[[], str]) -> list[str]:
    """What is shown; median and longest time of a round, and its CPU time, in ms. CPU: on a busy
    machine the time is that of the others, too.
    """
    times, shown = [], ""
    cpu = time.process_time()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        shown = search()
        times.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (time.process_time() - cpu) / ROUNDS
    return [shown, f"{median(times):.1f}", f"{max(times):.1f}", f"{cpu:.1f}"]


def listed(ledger: Ledger, search: JobSearch) -> str:
    """How many jobs are shown of how many."""
    found = ledger.searching.find(search, limit=SHOWN)
    left_out = "more than 1000" if found.left_out > 1000 else str(found.left_out)
    return f"{len(found.jobs)}, {left_out} left out"


def by_uid(ledger: Ledger) -> str:
    return str(len(ledger.searching.by_uid(str(500_000_000 + JOBS // 2)[-8:])))


def by_accession(ledger: Ledger) -> str:
    return str(len(ledger.searching.by_accession(f"accession {DIGITS}{JOBS // 9}")))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
