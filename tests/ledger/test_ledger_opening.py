"""The database behind the ledger: made, migrated, refused, and what its errors become."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta, timezone

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ich_node.answer import Answer
from ich_node.errors import ConfigError, NoLedger, SpoolFull, Unavailable
from ich_node.ledger import Added, open_existing_ledger, open_ledger
from ich_node.ledger.database import make_engine
from ich_node.ledger.schema import HEAD
from ich_node.ledger.tables import metadata
from tests.support import REPOSITORY
from tests.support.ledger_examples import (
    LEASE,
    QUIET,
    T0,
    add,
    claim,
    finish,
    open_and_count,
    processes,
)
from tests.support.older_ledgers import older_ledger
from tests.support.peers import wait_until


@contextmanager
def other_client(url) -> Iterator[sa.Connection]:
    """A connection past the ledger."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def test_migrations_make_the_tables(url, ledger):
    """The schema that the migrations make from nothing is the one that the code uses."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
        indexes = {
            index["name"]
            for table in metadata.tables
            for index in sa.inspect(connection).get_indexes(table)
        }
        assert indexes >= {
            str(index.name) for table in metadata.tables.values() for index in table.indexes
        }
    engine.dispose()


def test_a_ledger_of_an_older_version_is_brought_up_to_date(new_url):
    """Every job is there with its answer, what was owed is owed, and the work goes on: the series
    that was being read and the late slice are read, and new series come.
    """
    url = new_url()
    older_ledger(url)
    ledger = open_ledger(url)
    jobs = {job.id: (str(job.state), job.answer) for job in ledger.operator.list()}
    assert jobs == {
        1: ("DONE", Answer.PRESENT),
        2: ("DONE", Answer.ABSENT),
        3: ("REFUSED", Answer.NOT_ANALYSED),
        4: ("FAILED", Answer.NOT_ANALYSED),
        5: ("CANCELLED", None),
        6: ("WAITING", None),
        7: ("WAITING", None),
    }
    owed = [str(each.state) for id_ in (1, 2) for each in ledger.operator.deliveries(id_)]
    assert owed == ["SENT", "PENDING", "FAILED"]
    assert ledger.activations.active_bundle().name == "published-max"
    assert [event.event for event in ledger.operator.events(4)][-1] == "failed"
    later = T0 + timedelta(hours=1)
    due = ledger.delivery.claim_deliveries(owner="host:2", now=later, lease=LEASE, limit=10)
    assert [each.sop_instance_uid for each in due] == ["2.25.7.1.1"]
    add(ledger, series="2.25.10", at=later)
    read = []
    while (job := claim(ledger, at=later + QUIET)) is not None:
        read.append(job.series_instance_uid)
        finish(ledger, job, at=later + QUIET)
    assert sorted(read) == ["2.25.1", "2.25.10", "2.25.6"]
    ledger.dispose()


def test_ledger_stays(url, ledger):
    """What was written is there when the ledger is opened again."""
    add(ledger)
    finish(ledger, claim(ledger))
    before = (ledger.operator.list(), ledger.operator.deliveries(1), ledger.operator.events(1))
    ledger.dispose()
    again = open_ledger(url)
    assert (again.operator.list(), again.operator.deliveries(1), again.operator.events(1)) == before
    again.dispose()


def test_folder_is_made_and_file_is_private(tmp_path):
    """The database's folder is made where it is missing, and nobody else can read the files."""
    path = tmp_path / "var" / "lib" / "ledger.sqlite"
    ledger = open_ledger(f"sqlite:///{path}")
    add(ledger)
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    ledger.dispose()


def test_commits_to_sqlite_are_durable(sqlite_url):
    """Every connection writes ahead and syncs each commit, because an acknowledgement follows
    it.
    """
    engine = make_engine(sqlite_url, busy_seconds=1)
    with engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert values == ["wal", 2, 1]
    engine.dispose()


def test_commits_to_postgresql_are_durable(postgres_url):
    """A commit is on the server's disk when it returns, and a client that hangs in a transaction
    blocks others not for ever.
    """
    engine = make_engine(postgres_url, busy_seconds=7)
    names = (
        "synchronous_commit",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "TimeZone",
    )
    with engine.connect() as connection:
        values = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
    assert values == ["on", "7s", "1min", "UTC"]
    engine.dispose()


def test_several_processes_open_a_new_ledger_at_once(new_url):
    """Whoever comes first migrates; the others wait and find it done."""
    urls = [url for url in [new_url() for _ in range(5)] for _ in range(6)]
    with processes(6) as pool:
        assert set(pool.map(open_and_count, urls)) == {0}


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


def test_busy_database(url, ledger):
    """While somebody else holds the write lock writing is unavailable, reading is not."""
    impatient = open_ledger(url, busy_seconds=0.05)
    with other_client(url) as other:
        other.exec_driver_sql(
            "BEGIN IMMEDIATE" if url.startswith("sqlite") else "LOCK TABLE jobs IN SHARE MODE"
        )
        with pytest.raises(
            Unavailable, match=r"the ledger does not answer: .*(database is locked|lock timeout)"
        ):
            add(impatient)
        assert impatient.operator.list() == []
        other.rollback()
    add(impatient)
    impatient.dispose()


def test_a_server_that_goes_away_is_unavailable_until_it_is_back(postgres_cluster):
    """PostgreSQL restarts under an open ledger: what was acknowledged is there, and it goes on.
    (SQLite has no server.)
    """
    ledger = open_ledger(postgres_cluster.new_url())
    add(ledger)
    postgres_cluster.stop()
    with pytest.raises(Unavailable, match="the ledger does not answer"):
        add(ledger, 2)
    postgres_cluster.start()
    assert add(ledger, 2) is Added.NEW
    assert len(ledger.operator.instances(ledger.operator.get(1))) == 2
    ledger.dispose()


def stand_still(ledger, url) -> None:
    """In a transaction, until the server has ended it."""
    alive = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with ledger.database.write() as connection, other_client(url) as other:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
        pid = connection.connection.dbapi_connection.info.backend_pid
        wait_until(lambda: other.execute(alive, {"pid": pid}).scalar() == 0, what="its end")


def test_a_process_that_stands_still_in_a_transaction(postgres_url):
    """On a machine without time for it, PostgreSQL ends its transaction: it is "not now", and the
    next one works. (SQLite waits for ever.)
    """
    ledger = open_ledger(postgres_url)
    with pytest.raises(Unavailable, match="idle-in-transaction timeout"):
        stand_still(ledger, postgres_url)
    add(ledger)
    ledger.dispose()


def test_a_server_that_is_not_there(tmp_path):
    """No PostgreSQL behind the URL is "not now", said without its password."""
    with pytest.raises(Unavailable, match="the ledger does not answer") as caught:
        open_ledger(f"postgresql+psycopg://me:secret@/ledger?host={tmp_path}&port=1")
    assert "secret" not in str(caught.value)


def test_full_database(sqlite_url):
    """A database without room says so as the spool does, and keeps nothing half. (Only SQLite lets
    a client set its size.)
    """
    ledger = open_ledger(sqlite_url)
    add(ledger)
    with ledger.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    sa.event.listen(
        ledger.database.engine,
        "connect",
        lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}"),
    )
    ledger.database.engine.dispose()
    before = ledger.operator.list()
    with pytest.raises(SpoolFull, match="the ledger has no room"):
        any(add(ledger, series=f"2.25.{number + 2}") is None for number in range(1000))
    assert [
        job for job in ledger.operator.list(limit=2000) if not ledger.operator.instances(job)
    ] == []
    assert ledger.operator.get(1) == before[0]
    ledger.dispose()


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.support.ledger_examples import add
from ich_node.ledger import open_ledger
jobs = open_ledger(sys.argv[1])
for number in range(100_000):
    add(jobs, number, series=f"2.25.{number % 7}")
    print(number, flush=True)
"""


def test_kill_loses_nothing_acknowledged(url, ledger):
    """What `add` returned for is there after kill -9 at any moment."""
    for rounds in range(3):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER.replace("range(100_000)", f"range({rounds * 1000}, 100_000)"),
                url,
                str(REPOSITORY),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        recorded = {
            row.sop_instance_uid
            for job in ledger.operator.list(limit=100)
            for row in ledger.operator.instances(job)
        }
        numbers = [int(line) for line in acknowledged if line.strip()]
        assert {f"2.25.{number % 7}.{number}" for number in numbers} <= recorded


def test_times_come_back_in_utc(ledger):
    """A time of any zone comes back as the same moment in UTC."""
    add(ledger, at=T0.astimezone(timezone(timedelta(hours=9))))
    job = ledger.operator.get(1)
    assert job.first_received_at == T0
    assert job.first_received_at.utcoffset() == timedelta(0)


def test_who_looks_makes_and_changes_nothing(new_url):
    """On an empty database, and in one that has a ledger."""
    url = new_url()
    with pytest.raises(NoLedger):
        open_existing_ledger(url)
    open_ledger(url).dispose()
    ledger = open_existing_ledger(url)
    with pytest.raises((Unavailable, sa.exc.DBAPIError)), ledger.database.write() as connection:
        connection.execute(sa.text("DELETE FROM jobs"))
    assert ledger.operator.list() == []
    ledger.dispose()
