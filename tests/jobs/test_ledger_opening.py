"""The database behind the ledger: made, migrated, refused, and what its errors become."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import timedelta, timezone
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ledger_examples import T0, add, claim, finish, open_and_count

from ich_node.errors import ConfigError, SpoolFull, Unavailable
from ich_node.jobs import open_ledger
from ich_node.jobs.tables import metadata


def test_migrations_make_the_tables(url, jobs):
    """The schema that the migrations make from nothing is the one that the code uses."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        indexes = {index["name"] for table in metadata.tables for index in sa.inspect(connection).get_indexes(table)}
        assert indexes >= {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    engine.dispose()


def test_ledger_stays(url, jobs):
    """What was written is there when the ledger is opened again."""
    add(jobs)
    finish(jobs, claim(jobs))
    before = (jobs.list(), jobs.deliveries(1), jobs.events(1))
    jobs.dispose()
    again = open_ledger(url)
    assert (again.list(), again.deliveries(1), again.events(1)) == before
    again.dispose()


def test_folder_is_made_and_file_is_private(tmp_path):
    """The database's folder is made where it is missing, and nobody else can read the files."""
    path = tmp_path / "var" / "lib" / "ledger.sqlite"
    jobs = open_ledger(f"sqlite:///{path}")
    add(jobs)
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    jobs.dispose()


def test_commits_are_durable(jobs):
    """Every connection writes ahead and syncs each commit, because an acknowledgement follows it."""
    with jobs._engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]


def test_several_processes_open_a_new_ledger_at_once(tmp_path):
    """Whoever comes first migrates; the others wait and find it done."""
    urls = [f"sqlite:///{tmp_path}/{round_}.sqlite" for round_ in range(5) for _ in range(6)]
    with ProcessPoolExecutor(6, mp_context=get_context("spawn")) as processes:
        assert set(processes.map(open_and_count, urls)) == {0}


def test_newer_ledger_is_refused(url, jobs):
    """A database that a newer program migrated is not touched."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="has schema 9999, which a newer ich-node made; this one knows up to 0001"):
        open_ledger(url)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("sqlite://", "in memory cannot be shared"),
        ("sqlite:///:memory:", "in memory cannot be shared"),
        ("nonsense", "Could not parse"),
        ("oracle9://x", "Can't load plugin"),
        ("sqlite:////proc/ledger.sqlite", "cannot make /proc/ledger.sqlite"),
    ],
)
def test_url_that_cannot_be_used(bad, words):
    """A database URL that cannot work is a mistake in the configuration, said in a sentence."""
    with pytest.raises(ConfigError, match=words):
        open_ledger(bad)


def test_other_file(tmp_path):
    """A file that is no database is left alone."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(ConfigError, match="is not a ledger of ich-node"):
        open_ledger(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_busy_database(url, jobs):
    """While somebody else holds the write lock writing is unavailable, reading is not."""
    impatient = open_ledger(url, busy_seconds=0.05)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="the ledger does not answer: database is locked"):
            add(impatient)
        assert impatient.list() == []
        other.execute("ROLLBACK")
    add(impatient)
    impatient.dispose()


def test_full_database(jobs):
    """A database without room says so as the spool does, and keeps nothing half."""
    add(jobs)
    with jobs._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    sa.event.listen(jobs._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}"))
    jobs._engine.dispose()
    before = jobs.list()
    with pytest.raises(SpoolFull, match="the ledger has no room"):
        any(add(jobs, series=f"2.25.{number + 2}") is None for number in range(1000))
    assert [job for job in jobs.list(limit=2000) if not jobs.instances(job)] == []
    assert jobs.get(1) == before[0]


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from ledger_examples import add
from ich_node.jobs import open_ledger
jobs = open_ledger(sys.argv[1])
for number in range(100_000):
    add(jobs, number, series=f"2.25.{number % 7}")
    print(number, flush=True)
"""


def test_kill_loses_nothing_acknowledged(url, jobs):
    """What `add` returned for is there after kill -9 at any moment."""
    for rounds in range(3):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER.replace("range(100_000)", f"range({rounds * 1000}, 100_000)"),
                url,
                str(Path(__file__).parent),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        recorded = {row.sop_instance_uid for job in jobs.list(limit=100) for row in jobs.instances(job)}
        numbers = [int(line) for line in acknowledged if line.strip()]
        assert {f"2.25.{number % 7}.{number}" for number in numbers} <= recorded


def test_times_come_back_in_utc(jobs):
    """A time of any zone comes back as the same moment in UTC."""
    add(jobs, at=T0.astimezone(timezone(timedelta(hours=9))))
    job = jobs.get(1)
    assert job.first_received_at == T0
    assert job.first_received_at.utcoffset() == timedelta(0)
