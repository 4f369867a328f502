"""Commands that only look make and change nothing; no command for a running node makes a ledger."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from ich_node.errors import ConfigError, NoLedger
from ich_node.ledger import open_existing_ledger, open_ledger
from tests.support.command_line import ich_node

LOOKING = [
    ("jobs", "list"),
    ("jobs", "show", "1"),
    ("model", "list"),
    ("model", "show"),
    ("check-config",),
    ("config", "show"),
    ("conformance",),
    ("--help",),
]


CHANGING = [
    ("jobs", "retry", "1"),
    ("jobs", "release", "1"),
    ("jobs", "resend", "1"),
    ("jobs", "withdraw", "1", "--reason", "wrong", "--quality"),
    ("jobs", "forget-search-terms", "--yes"),
    ("deliveries", "retry", "--all-failed"),
    ("deliveries", "cancel", "--destination", "pacs", "--yes"),
    ("pause", "reading"),
    ("resume",),
    ("drain", "--timeout", "0s"),
]


@pytest.fixture
def config(tmp_path) -> Path:
    (tmp_path / "config.toml").write_text("[log]\nlevel = 'info'\n")
    return tmp_path / "config.toml"


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_nothing_is_made(config, command):
    """No database, no folder. Commands about jobs say where they looked."""
    done = ich_node(*command, config=config)
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]
    if command[0] == "jobs":
        assert done.exit_code == 1
        assert f"no ledger at {config.parent}/var/ich-node.sqlite" in done.stderr
        assert "has not received anything yet" in done.stderr
    else:
        assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_new_ledger_is_never_changed(config, command):
    """A pause in a ledger that no service uses would pause nothing."""
    done = ich_node(*command, config=config)
    assert done.exit_code == 1
    assert f"no ledger at {config.parent}/var/ich-node.sqlite" in done.stderr
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("command", [*LOOKING[:5], ("pause", "reading")], ids=" ".join)
def test_an_earlier_schema_is_left_as_it_is(config, command):
    """Who looks with the new version while the old one still runs must not break that."""
    (config.parent / "var").mkdir()
    file = config.parent / "var" / "ich-node.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0004')")
    connection.close()
    before = file.read_bytes()
    done = ich_node(*command, config=config)
    assert done.exit_code == (0 if command == ("check-config",) else 2)
    assert "schema 0004 of an earlier version" in done.stdout + done.stderr
    assert "start the node" in done.stdout + done.stderr
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["ich-node.sqlite"]


def test_what_is_only_looked_at_cannot_be_changed(tmp_path):
    """Not even by a mistake of ours; and no file of the database is left behind."""
    url = f"sqlite:///{tmp_path}/a ledger%20.sqlite"
    open_ledger(url).dispose()
    ledger = open_existing_ledger(url)
    assert ledger.operator.list() == []
    with pytest.raises(Exception, match="readonly"), ledger.database.write() as connection:
        connection.execute(sa.text("DELETE FROM jobs"))
    ledger.dispose()
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_database_is_no_ledger(tmp_path):
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(NoLedger, match=r"no ledger at .*empty\.sqlite"):
        open_existing_ledger(f"sqlite:///{tmp_path}/empty.sqlite")
    (tmp_path / "letter.sqlite").write_text("Dear ledger, " * 100)
    with pytest.raises(ConfigError, match="is not a ledger"):
        open_existing_ledger(f"sqlite:///{tmp_path}/letter.sqlite")
