"""`ich-node migrate`: what it says before it does it, and what it does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ich_node.ledger import open_existing_ledger, open_ledger
from ich_node.ledger.heartbeats import Heartbeat
from tests.support.command_line import ich_node
from tests.support.older_ledgers import older_ledger


@pytest.fixture
def config(tmp_path) -> Path:
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///ledger.sqlite"\n')
    return tmp_path / "config.toml"


def ledger_of(config: Path) -> str:
    return f"sqlite:///{config.parent}/ledger.sqlite"


def test_an_older_ledger_is_migrated_once(config):
    """A dry run changes nothing; twice is once; the copy is kept and named; the journal has it."""
    older_ledger(ledger_of(config))
    plan = ich_node("migrate", "--dry-run", config=config)
    assert plan.exit_code == 0, plan.stderr
    for words in (
        "has schema 0003; ich-node",
        "  0004  One answer a study",
        "WARNING: this schema has no heartbeats",
        "ledger.sqlite.before-migrating-0003",
        "nothing was changed (--dry-run)",
    ):
        assert words in plan.stdout
    assert not (config.parent / "ledger.sqlite.before-migrating-0003").exists()
    looked = ich_node("jobs", "list", config=config)
    assert (looked.exit_code, "`ich-node migrate` does it now" in looked.stderr) == (2, True)
    done = ich_node("migrate", config=config)
    assert done.exit_code == 0, done.stderr
    assert "migrated from schema 0003 to 0006 in" in done.stdout
    again = ich_node("migrate", config=config)
    assert again.stdout.startswith("nothing to do: the ledger has schema 0006\n")
    assert "is the ledger as it was before" in again.stdout
    ledger = open_existing_ledger(ledger_of(config))
    (event,) = ledger.audit.newest()
    assert (event.action, event.target, event.detail) == ("migrate", "schema 0006", "from 0003")
    ledger.dispose()


def test_no_ledger_is_made(config):
    """As by all commands that only look."""
    done = ich_node("migrate", config=config)
    assert (done.exit_code, "there is no ledger at" in done.stderr) == (1, True)
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(("ago", "runs"), [(5, True), (600, False)])
def test_processes_of_an_earlier_version_are_not_broken(config, ago, runs):
    """They are named, with the age of their heartbeats; whoever cannot go on with the new schema is
    to be stopped first.
    """
    ledger = open_ledger(ledger_of(config))
    at = datetime.now(UTC) - timedelta(seconds=ago)
    ledger.heartbeats.beat(
        Heartbeat(
            host="a",
            service="analyse",
            pid=7,
            version="0.0.9",
            started_at=at,
            beat_at=at,
            is_ready=True,
        )
    )
    with ledger.database.write() as connection:
        # of the same tables as 0006: what matters here is what is said of it
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    ledger.dispose()
    plan = ich_node("migrate", "--dry-run", config=config)
    assert ("analyse 0.0.9 on a (process 7) runs" in plan.stdout) is runs
    assert ("It would be refused while these processes run." in plan.stdout) is runs
    ready = ich_node("ready", "receive", config=config)
    assert ready.exit_code == 1
    assert "has schema 0005 of an earlier version, and this one needs 0006" in ready.stdout
    assert "until these have ended, or for `ich-node migrate`: analyse 0.0.9 on a" in ready.stdout
    if runs:
        refused = ich_node("migrate", config=config)
        assert (refused.exit_code, "stop them first" in refused.stderr) == (1, True)
