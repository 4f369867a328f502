"""A ledger of another version: what may use it, what a migration keeps, and what it may not do."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ich_node.errors import ConfigError, EarlierLedger, NoLedger, SpoolFull
from ich_node.ledger import (
    look_at_schema,
    migrate_ledger,
    open_existing_ledger,
    open_ledger,
    open_ledger_of_this_version,
)
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.migrate import floor_of, migrations
from ich_node.ledger.schema import FLOOR, HEAD, USABLE_FROM
from tests.support.additive import tables, what_breaks
from tests.support.ledger_examples import T0, add
from tests.support.older_ledgers import older_ledger, upgraded


def made_newer(url: str, *, usable_from: str | None) -> None:
    """As a later version leaves it: with a column more, and a floor if it says one."""
    ledger = open_ledger(url)
    with ledger.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN later TEXT")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9998'")
        if usable_from is None:
            connection.exec_driver_sql("DELETE FROM measurements")
    if usable_from is not None:
        ledger.measurements.keep(FLOOR, {USABLE_FROM: usable_from}, now=T0)
    ledger.dispose()


def test_a_newer_ledger_that_says_so_is_used(url):
    """After a migration that only adds, the program of the version before starts and works."""
    made_newer(url, usable_from=HEAD)
    ledger = open_ledger(url)
    add(ledger)
    ledger.dispose()
    looking = open_existing_ledger(url)
    assert [job.id for job in looking.operator.list()] == [1]
    looking.dispose()
    assert migrate_ledger(url).before == "9998"


@pytest.mark.parametrize("usable_from", ["9998", None])
def test_a_newer_ledger_that_only_newer_programs_can_use(url, usable_from):
    """One that says so, and one that says nothing."""
    made_newer(url, usable_from=usable_from)
    for opened in (open_ledger, open_ledger_of_this_version, open_existing_ledger):
        with pytest.raises(ConfigError, match="has schema 9998, which a newer ich-node made"):
            opened(url)


def test_only_services_and_migrate_bring_a_ledger_up_to_date(new_url):
    """Every other command leaves it to them, and says so."""
    url = new_url()
    older_ledger(url)
    with pytest.raises(EarlierLedger, match="`ich-node migrate` does it now"):
        open_ledger_of_this_version(url)
    found = look_at_schema(url)
    assert (found.version, found.is_older, found.users) == ("0003", True, None)
    done = migrate_ledger(url)
    assert (done.before, done.copy is not None) == ("0003", url.startswith("sqlite"))
    assert migrate_ledger(url).before == HEAD  # twice is once
    ledger = open_ledger_of_this_version(url)
    assert ledger.measurements.newest(FLOOR).facts == {USABLE_FROM: floor_of(migrations())}
    ledger.dispose()


def test_who_uses_an_older_ledger(url):
    """By the heartbeats, which every schema from 0006 on has."""
    ledger = open_ledger(url)
    beat = {"host": "a", "pid": 7, "version": "0.0.9", "started_at": T0, "is_ready": True}
    for number, service in enumerate(("receive", "analyse")):
        ledger.heartbeats.beat(
            Heartbeat(service=service, beat_at=T0 + timedelta(seconds=number), **beat)
        )
    with ledger.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    ledger.dispose()
    users = look_at_schema(url).users
    assert [(each.service, each.version, each.beat_at - T0) for each in users] == [
        ("analyse", "0.0.9", timedelta(seconds=1)),
        ("receive", "0.0.9", timedelta(0)),
    ]


def test_the_copy_is_the_ledger_as_it_was(tmp_path):
    """With what only the -wal has, for this user only; a second migration from the same schema
    replaces it.
    """
    path = tmp_path / "ledger.sqlite"
    older_ledger(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE jobs SET source = 'newest'")
        writer.commit()
        copy = migrate_ledger(f"sqlite:///{path}").copy
    assert copy == tmp_path / "ledger.sqlite.before-migrating-0003"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
        assert set(kept.execute("SELECT source, positive IS NULL FROM jobs")) == {
            ("newest", 0),
            ("newest", 1),
        }
        assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for name in ("", "-wal", "-shm"):
        Path(f"{path}{name}").unlink(missing_ok=True)
    shutil.copy(copy, path)
    assert migrate_ledger(f"sqlite:///{path}").copy == copy
    assert sorted(each.name for each in tmp_path.glob("*.tmp")) == []


def dumped(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_without_room_nothing_is_migrated(tmp_path, monkeypatch):
    """Neither the ledger nor a half copy."""
    path = tmp_path / "ledger.sqlite"
    older_ledger(f"sqlite:///{path}")
    before = dumped(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("", (), {"free": 1000})())
    with pytest.raises(SpoolFull, match=r"(?s)nothing was changed.*migrate --no-copy"):
        migrate_ledger(f"sqlite:///{path}")
    assert dumped(path) == before
    assert [each.name for each in tmp_path.glob("*before*")] == []
    done = migrate_ledger(f"sqlite:///{path}", with_copy=False)
    assert (done.before, done.copy) == ("0003", None)


def test_there_is_none_yet(tmp_path):
    """Looking makes none."""
    with pytest.raises(NoLedger):
        look_at_schema(f"sqlite:///{tmp_path}/ledger.sqlite")


def what_breaks_between(url: str, earlier: str, later: str) -> list[str]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        upgraded(connection, earlier)
        before = tables(connection)
        upgraded(connection, later)
        found = list(what_breaks(before, tables(connection)))
    engine.dispose()
    return found


def test_what_a_migration_breaks_is_seen(new_url):
    """0004 took a column away and lets two rows no longer be alike; 0006 only added."""
    assert what_breaks_between(new_url(), "0005", "0006") == []
    found = what_breaks_between(new_url(), "0003", "0004")
    assert "jobs.positive is gone" in found
    assert any(line.startswith("jobs: study_instance_uid must now be unique") for line in found), (
        found
    )


def test_a_migration_that_is_said_to_add_only_adds(new_url):
    """`usable_from` of each migration is true: nothing that the programs of that schema use is
    gone, and nothing that they write is refused. (0001 to 0006 say nothing.)
    """
    known = migrations()
    assert known[-1].revision == HEAD
    for each in known:
        assert each.usable_from <= each.revision
        if each.usable_from < each.revision:
            assert what_breaks_between(new_url(), each.usable_from, each.revision) == []
