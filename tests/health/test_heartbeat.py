"""A process says that it lives, as long as its loops turn; whoever asks gets a sentence."""

import os
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from ich_node.config.config import Config
from ich_node.health import services
from ich_node.health.checks import is_healthy, is_ready, ready_process
from ich_node.health.heartbeat import SILENT_SECONDS, Condition, HeartbeatThread
from ich_node.ledger.counts import SERIES, Tally
from ich_node.ledger.heartbeats import Heartbeat
from tests.support.command_line import ich_node
from tests.support.ledger_examples import SECOND, T0
from tests.support.node import opened_ledger
from tests.support.standing_clock import Clock

HOST, ME = socket.gethostname(), os.getpid()
GONE = 2**22 + 1  # beyond the largest process id


@dataclass
class Loop:
    silent_seconds: float = 0


@pytest.fixture
def ledger(tmp_path):
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def config(tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "config.toml").write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
    )
    return Config(
        spool={"path": tmp_path / "spool", "reserve_bytes": 0},
        database={"url": f"sqlite:///{tmp_path}/ledger.sqlite"},
        destinations=[
            {"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
            for name in ("pacs", "research")
        ],
    )


def thread_of(ledger, *, clock=None, loops=(), counts=None, condition=None, service="analyse"):
    return HeartbeatThread(
        ledger=ledger,
        service=service,
        counts=counts or Tally(),
        loops=loops,
        condition=condition or (lambda: Condition(is_ready=True, facts={"engine": "torch"})),
        clock=clock or Clock(),
    )


def process(service="analyse", **values):
    heartbeat = Heartbeat(
        host=HOST, service=service, pid=ME, version="1", started_at=T0, beat_at=T0, is_ready=True
    )
    return replace(heartbeat, **values)


def test_heartbeat_has_what_the_process_says(ledger):
    clock = Clock()
    thread_of(ledger, clock=clock).beat()
    (found,) = ledger.heartbeats.all()
    assert (found.host, found.service, found.pid, found.beat_at, found.is_ready, found.facts) == (
        HOST,
        "analyse",
        ME,
        clock.now,
        True,
        {"engine": "torch"},
    )


def test_no_heartbeat_without_its_loops(ledger):
    """A loop that hangs makes the service count as down; what was counted is not lost."""
    main, maintenance, counts = Loop(), Loop(), Tally()
    thread = thread_of(ledger, loops=[main, maintenance], counts=counts)
    maintenance.silent_seconds = SILENT_SECONDS
    counts.add(SERIES, outcome="present", reason="")
    thread.beat()
    assert ledger.heartbeats.all() == []
    assert [each.value for each in ledger.counts.all()] == [1]
    maintenance.silent_seconds = 0
    thread.beat()
    assert len(ledger.heartbeats.all()) == 1


def test_clean_end_removes_the_heartbeat(ledger):
    """It is known when the service was seen last."""
    clock, counts = Clock(), Tally()
    with thread_of(ledger, clock=clock, counts=counts).beating():
        counts.add(SERIES, outcome="present", reason="")
    assert ledger.heartbeats.all() == []
    assert [each.value for each in ledger.counts.all()] == [1]
    (analyse,) = [each for each in services(ledger, clock.now) if each.service == "analyse"]
    assert (analyse.is_up, analyse.last_seen) == (False, clock.now)


def test_start_forgets_who_was_killed_here(ledger):
    """Only processes of this service on this host that are gone."""
    kept = [process("send", pid=GONE), process(host="other", pid=GONE)]
    for each in (*kept, process(pid=GONE)):
        ledger.heartbeats.beat(each)
    with thread_of(ledger, clock=lambda: T0).beating():
        pass
    assert sorted(each.service for each in ledger.heartbeats.all()) == ["analyse", "send"]
    assert {each.pid for each in ledger.heartbeats.all()} == {GONE}


def test_ledger_that_does_not_answer(ledger, tmp_path):
    """The service goes on, and what it counted is added later."""
    counts = Tally()
    counts.add(SERIES, outcome="present", reason="")
    (tmp_path / "ledger.sqlite").rename(tmp_path / "away")
    ledger.database.dispose()
    (tmp_path / "ledger.sqlite").mkdir()
    with thread_of(ledger, counts=counts).beating():
        pass
    (tmp_path / "ledger.sqlite").rmdir()
    (tmp_path / "away").rename(tmp_path / "ledger.sqlite")
    ledger.counts.add(counts.take())
    assert [each.value for each in ledger.counts.all()] == [1]


def test_healthy(ledger, config):
    for service in ("receive", "analyse", "send"):
        ledger.heartbeats.beat(process(service))
    now = T0 + 5 * SECOND
    found = {check.part: check for check in is_healthy(ledger, config, now)}
    assert list(found) == ["ledger", "receive", "analyse", "send", "disk of the spool"]
    assert all(check.is_ok for check in found.values())
    assert found["send"].words == "heartbeat 5.0 s ago"
    late = {check.part: check for check in is_healthy(ledger, config, now + timedelta(minutes=5))}
    assert not late["send"].is_ok
    assert late["send"].words == "no heartbeat for 5 min"


def test_room(ledger, config):
    """Below the reserve nothing is received."""
    full = config.spool.model_copy(update={"reserve_bytes": 10**18})
    checks = is_healthy(ledger, config.model_copy(update={"spool": full}), T0)
    assert [check.part for check in checks if not check.is_ok][-1] == "disk of the spool"


def test_ready(ledger, config):
    """Modalities may send, a model is loaded, and every destination that is not paused answers."""
    ledger.heartbeats.beat(process("receive", facts={"is_accepting": True}))
    ledger.heartbeats.beat(process(facts={"bundle": "phantom", "engine": "torch"}))
    ledger.heartbeats.beat(process("send"))
    states = ledger.destination_states
    states.answered("pacs", is_up=True, detail="C-ECHO: Success", now=T0)
    found = {check.part: check for check in is_ready(ledger, config, T0)}
    assert [part for part, check in found.items() if not check.is_ok] == ["destination research"]
    assert found["analyse"].words == "model phantom, torch"
    states.answered("research", is_up=False, detail="connection refused", now=T0)
    ledger.pauses.pause("to research", now=T0, until=None, who="ada", why="")
    assert all(check.is_ok for check in is_ready(ledger, config, T0))
    ledger.heartbeats.beat(process("receive", is_ready=False, facts={"is_accepting": False}))
    ledger.heartbeats.beat(process(is_ready=False))
    found = {check.part: check for check in is_ready(ledger, config, T0)}
    assert found["receive"].words == "takes nothing new: the node is drained"
    assert found["analyse"].words == "no model is loaded"


def test_ready_on_this_host(ledger):
    """A process elsewhere does not count, nor one that is gone; any of ours does."""
    ledger.heartbeats.beat(process(host="other"))
    assert ready_process(ledger, "analyse", HOST, T0) == (False, None)
    mine = process(is_ready=False)
    ledger.heartbeats.beat(mine)
    assert ready_process(ledger, "analyse", HOST, T0) == (False, mine)
    second = process(pid=GONE)
    ledger.heartbeats.beat(second)
    assert ready_process(ledger, "analyse", HOST, T0) == (True, second)
    assert ready_process(ledger, "analyse", HOST, T0 + timedelta(minutes=2))[0] is False


def test_command(ledger, config, tmp_path):
    """`ich-node ready NAME`: exit code and sentence."""

    def asked(*names):
        return ich_node("ready", *names, config=tmp_path / "config.toml")

    assert asked().stdout == f"no service has a heartbeat on {HOST}\n"
    none = asked("analyse")
    assert none.exit_code == 1
    assert none.stdout == (f"analyse is not ready: no process of it has a heartbeat on {HOST}\n")
    thread_of(ledger, clock=lambda: datetime.now(UTC)).beat()
    ready = asked("analyse")
    assert ready.exit_code == 0
    assert ready.stdout.startswith(f"analyse is ready (process {ME} on {HOST}, heartbeat 0.")
    assert "engine torch" in ready.stdout
    assert asked().exit_code == 0
    ledger.heartbeats.beat(process("send", beat_at=datetime.now(UTC), is_ready=False))
    both = asked()
    assert both.exit_code == 1
    assert [line[:16] for line in both.stdout.splitlines()] == [
        "analyse is ready",
        "send is not read",
    ]
    wrong = asked("analyze")
    assert wrong.exit_code == 2
    assert "analyse" in wrong.stderr
