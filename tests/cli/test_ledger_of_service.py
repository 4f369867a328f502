"""A service that would migrate while processes of an older version use the ledger."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from structlog.testing import capture_logs

from ich_node.cli import ledger_of_service as module
from ich_node.cli import main
from ich_node.cli.context import CliContext
from ich_node.cli.ledger_of_service import ledger_of_service
from ich_node.ledger import Ledger, open_ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.schema import HEAD
from ich_node.processes.probe import probe
from tests.support.node import opened_ledger
from tests.support.older_ledgers import older_ledger
from tests.support.peers import wait_until


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliContext:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "sqlite:///{tmp_path}/l.sqlite"\n')
    return CliContext(path=tmp_path / "config.toml", main=main)


def set_schema(ledger: Ledger, version: str) -> None:
    with ledger.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")


def used_by_an_older_process(ledger: Ledger) -> None:
    """The tables are those of now: what matters is what it is said to be."""
    now = datetime.now(UTC)
    ledger.heartbeats.beat(
        Heartbeat(
            host="b", service="send", pid=7, version="0", started_at=now, beat_at=now, is_ready=True
        )
    )
    set_schema(ledger, "0005")


def test_it_waits_says_so_and_goes_on(node, tmp_path, monkeypatch):
    """Once in the log; to systemd as started, so that whoever restarts services one after another
    goes on to the next; until somebody has migrated.
    """
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("ICHNODE_RUN", str(tmp_path))
    stop = threading.Event()
    with (
        opened_ledger(node.config.database.url) as ledger,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        ThreadPoolExecutor(1) as pool,
        capture_logs() as log,
    ):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        used_by_an_older_process(ledger)
        waiting = pool.submit(ledger_of_service, node, "send", stop)
        told = [manager.recv(1000).decode() for _ in range(3)]
        assert set(told) == {
            "READY=1\nWATCHDOG=1\nSTATUS=waits with the migration of the ledger for send 0 on b"
        }
        assert not waiting.done()
        code, said = probe(["ready", "send"], {"ICHNODE_RUN": str(tmp_path)})
        assert (code, "not ready" in said[0], "waits_for send 0 on b" in said[0]) == (1, True, True)
        set_schema(ledger, HEAD)
        waiting.result(20).dispose()
        assert [(event["event"], event.get("processes")) for event in log] == [
            ("ledger_waits_for_older_processes", "send 0 on b"),
            ("ledger_wait_ended", None),
        ]


def test_a_service_that_waits_can_be_stopped(node):
    """SIGTERM ends it with exit code 0, and nothing was migrated."""
    stop = threading.Event()
    with opened_ledger(node.config.database.url) as ledger, ThreadPoolExecutor(1) as pool:
        used_by_an_older_process(ledger)
        with capture_logs() as log:
            waiting = pool.submit(ledger_of_service, node, "send", stop)
            wait_until(lambda: log, what="its waiting")
            stop.set()
            with pytest.raises(typer.Exit) as ended:
                waiting.result(20)
        assert ended.value.exit_code == 0


def test_nobody_uses_it(node):
    """It is migrated at once; of a ledger without heartbeats it says that it could not know."""
    older_ledger(node.config.database.url)
    with capture_logs() as log:
        ledger_of_service(node, "send", threading.Event()).dispose()
    (event,) = log
    assert (event["event"], event["before"], event["schema"]) == ("ledger_migrated", "0003", HEAD)
    assert event["older_processes"] == "not known: the schema had no heartbeats"
    assert Path(event["copy"]).exists()
    open_ledger(node.config.database.url).dispose()
