"""Probes ask a file where there is a folder for it: the same answer as the ledger's, for less."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from ich_node.errors import ConfigError
from ich_node.health.heartbeat import Condition, HeartbeatThread
from ich_node.ledger.counts import Tally
from ich_node.processes.beat_file import STALE_SECONDS, BeatFolder, start_of
from ich_node.processes.probe import probe
from tests.support.node import opened_ledger
from tests.support.standing_clock import Clock

HOST, ME = socket.gethostname(), os.getpid()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def asked(folder, *names):
    return probe(["ready", *names], {"ICHNODE_RUN": str(folder)})


def written(folder, **changes):
    """The heartbeat of this process, with changes."""
    BeatFolder(folder).write("analyse", is_ready=True)
    (beat,) = BeatFolder(folder).all()
    (folder / "analyse.beat").write_text(json.dumps(asdict(replace(beat, **changes))))


def test_probe_follows_the_heartbeats_of_the_ledger(tmp_path, folder):
    """Not ready before the first, ready with one, gone after a clean end."""
    states = [False, True]
    with opened_ledger(f"sqlite:///{tmp_path}/l.sqlite") as ledger:
        thread = HeartbeatThread(
            ledger=ledger,
            service="analyse",
            counts=Tally(),
            loops=[],
            condition=lambda: Condition(is_ready=states.pop(0), facts={"engine": "torch"}),
            clock=Clock(),
            beats=BeatFolder(folder),
        )
        assert asked(folder, "analyse") == (
            1,
            [f"analyse is not ready: no process of it has a heartbeat on {HOST}"],
        )
        thread.beat()
        code, (line,) = asked(folder, "analyse")
        assert (code, line[:50]) == (1, "analyse is not ready: it does not do its work (pro")
        thread.beat()
        code, (line,) = asked(folder)
        assert code == 0
        assert line.startswith(f"analyse is ready (process {ME} on {HOST}, heartbeat ")
        assert line.endswith(" s ago: engine torch)")
        thread._end()
    assert asked(folder) == (1, [f"no service has a heartbeat on {HOST}"])


@pytest.mark.parametrize(
    "changes",
    [
        {"at": time.monotonic() - STALE_SECONDS - 1},  # its loops hang, or the ledger is gone
        {"pid": 2**22 + 1},  # killed
        {"started": 1},  # killed, and another process has its number: a container started again
    ],
)
def test_process_that_is_gone_is_not_ready(folder, changes):
    written(folder, **changes)
    code, (line,) = asked(folder, "analyse")
    assert (code, "it has no heartbeat any more" in line) == (1, True)


def test_all_services_are_asked_without_a_name(folder):
    beats = BeatFolder(folder)
    beats.write("receive", is_ready=True)
    beats.write("send", is_ready=True)
    assert asked(folder)[0] == 0
    beats.write("send", is_ready=False)
    assert asked(folder)[0] == 1
    assert asked(folder, "receive")[0] == 0


def test_other_commands_are_left_to_the_command_line(folder):
    run = {"ICHNODE_RUN": str(folder)}
    assert probe(["ready", "analyse"], {}) is None
    for arguments in ([], ["run"], ["ready", "--help"], ["ready", "Analyse"], ["ready", "a", "b"]):
        assert probe(arguments, run) is None


def test_probe_imports_next_to_nothing(folder):
    """It runs every few seconds, for each container."""
    BeatFolder(folder).write("web", is_ready=True)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ich_node", "ready", "web"],
        env={**os.environ, "ICHNODE_RUN": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("web is ready (")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    ours = {name for name in imported if name.startswith("ich_node")}
    assert ours == {
        "ich_node",
        "ich_node.errors",
        "ich_node.processes",
        "ich_node.processes.beat_file",
        "ich_node.processes.probe",
    }
    assert not {"typer", "pydantic", "sqlalchemy", "asyncio"} & imported


def test_start_of_a_process_is_its_own():
    first = start_of(ME)
    assert first == start_of(ME)
    with subprocess.Popen(["sleep", "60"]) as child:
        assert start_of(child.pid) >= first
        child.kill()
    assert start_of(child.pid) is None


def test_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"ICHNODE_RUN: cannot write .*nowhere.*No such file"):
        BeatFolder(tmp_path / "nowhere").write("web", is_ready=True)
    assert asked(tmp_path / "nowhere")[0] == 1
