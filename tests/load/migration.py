"""How long the migration of a large ledger takes: `python -m tests.load.migration --jobs 1000000`.

The ledger has schema 0003, the oldest that nodes have, and the rows of so many series whose files
were removed: a job, three events, two results and two deliveries each.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from ich_node.ledger import migrate_ledger
from tests.support.older_ledgers import upgraded
from tests.support.postgres import cluster

NUMBERS = {
    "sqlite": ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs}) "),
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, {jobs})) ",
}
AT = "'2026-01-01 00:00:00.000000'"
JOBS = f"""
INSERT INTO jobs (id, state, study_instance_uid, series_instance_uid, revision, attempts, ready_at,
ready_by, first_received_at, last_received_at, content_at, positive, series_probability,
bundle_sha256, source, swept_at, lane, objects, objects_looked_at)
{{numbers}} SELECT i, 'DONE', '1.2.840.113619.2.1.' || i, '1.2.840.113619.2.1.' || i || '.1', 1, 1,
{AT}, {AT}, {AT}, {AT}, {AT}, {{positive}}, 0.5, '{"b" * 64}', 'ct', {AT}, 2, 36, 36 FROM n
"""
EVENTS = f"""
INSERT INTO job_events (id, job_id, at, event, detail)
{{numbers}} SELECT 3 * i + {{part}}, i, {AT}, 'done', 'present, 2 results' FROM n
"""
RESULTS = f"""
INSERT INTO results (id, job_id, sop_instance_uid, sop_class_uid, kind, path, sha256, size_bytes)
{{numbers}} SELECT 2 * i + {{part}}, i, '2.25.' || i || '.{{part}}',
'1.2.840.10008.5.1.4.1.1.88.34', 'sr', 'objects/00/' || i || '{{part}}.dcm',
'{"c" * 64}', 30000 FROM n
"""
DELIVERIES = f"""
INSERT INTO deliveries (id, job_id, result_id, destination, state, attempts, next_at, first_at,
sent_at) {{numbers}} SELECT 2 * i + {{part}}, i, 2 * i + {{part}}, 'pacs', 'SENT', 1, {AT}, {AT},
{AT} FROM n
"""


def fill(url: str, jobs: int) -> None:
    engine = sa.create_engine(url)
    kind = engine.dialect.name
    with engine.begin() as connection:
        upgraded(connection, "0003")
        numbers = NUMBERS[kind].format(jobs=jobs)
        positive = "i % 5 = 0"
        connection.exec_driver_sql(_plain(JOBS.format(numbers=numbers, positive=positive), kind))
        for part in range(3):
            connection.exec_driver_sql(EVENTS.format(numbers=numbers, part=part))
        for part in range(2):
            connection.exec_driver_sql(RESULTS.format(numbers=numbers, part=part))
            connection.exec_driver_sql(DELIVERIES.format(numbers=numbers, part=part))
    engine.dispose()


def _plain(statement: str, kind: str) -> str:
    """psycopg takes a single % for the beginning of a parameter."""
    return statement.replace("%", "%%") if kind == "postgresql" else statement


def measured(url: str) -> float:
    """Seconds of the migration, with the copy where one is kept."""
    began = time.monotonic()
    done = migrate_ledger(url)
    assert done.before == "0003"
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the SQLite ledger is made")
    asked = parser.parse_args()
    figures: dict[str, float] = {}
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        ledger = folder / "ledger.sqlite"
        fill(f"sqlite:///{ledger}", asked.jobs)
        figures["SQLite, MB"] = round(ledger.stat().st_size / 1e6)
        figures["SQLite, seconds with the copy"] = round(measured(f"sqlite:///{ledger}"), 1)
    finally:
        shutil.rmtree(folder)
    with cluster() as server:
        url = server.new_url()
        fill(url, asked.jobs)
        figures["PostgreSQL, seconds"] = round(measured(url), 1)
    print(json.dumps({"jobs": asked.jobs, **figures}, indent=1))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
