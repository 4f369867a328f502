"""SIGHUP and `ich-node reload`: services read the configuration again, without breaking what they
do.
"""

import signal
from pathlib import Path

import pytest

from ich_node.config.config import Config
from ich_node.config.reload import fingerprints, taken_over
from ich_node.processes.running import RunningService, announced, running_services
from tests.support.command_line import ich_node
from tests.support.heads import head_series
from tests.support.peers import associated, wait_until
from tests.support.running import NodeProcesses, running_node

NEW_SOURCE = '[[sources]]\nname = "second"\nae_title = "CT2"\n'


def test_what_needs_a_restart_keeps_its_value():
    """Ports, paths, URLs, the device; everything else is taken over."""
    old = Config()
    changed = {
        "scp": old.scp.model_copy(update={"port": 4000}),
        "spool": old.spool.model_copy(update={"path": Path("/x"), "retention_days": 3}),
        "analysis": old.analysis.model_copy(update={"device": "cuda"}),
        "log": old.log.model_copy(update={"level": "debug"}),
    }
    new, kept = taken_over(old, old.model_copy(update=changed))
    assert kept == ("[scp] port", "[spool] path", "[analysis] device")
    assert (new.scp, new.spool.path, new.spool.retention_days, new.log.level) == (
        old.scp,
        old.spool.path,
        3,
        "debug",
    )
    assert fingerprints(new) == fingerprints(old)
    assert "ich-node.sqlite" not in str(fingerprints(old))


def test_a_service_is_known_while_it_lives(tmp_path):
    """A file that a crash has left behind is not a service."""
    service = RunningService(name="send", pid=7, config="/c", needs_restart={"a": "b"})
    with announced(tmp_path, service):
        assert running_services(tmp_path) == [service]
        (left,) = (tmp_path / "services").iterdir()
        text = left.read_text()
    assert running_services(tmp_path) == []
    left.write_text(text)
    assert running_services(tmp_path) == []


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with running_node(tmp_path_factory.mktemp("reload") / "node", 1) as node:
        spool = node.folder / "spool"
        wait_until(lambda: len(running_services(spool)) == 3, what="the start of all services")
        yield node


def events(node: NodeProcesses, name: str) -> list[dict]:
    return [event for event in node.log if event["event"] == name]


def wait_for(node: NodeProcesses, name: str, count: int) -> None:
    wait_until(lambda: len(events(node, name)) >= count, what=name)


def accepts(node: NodeProcesses, ae_title: str) -> bool:
    with associated(node.port, calling_ae=ae_title) as association:
        return bool(association.is_established)


def test_a_reload_adds_a_source_and_breaks_no_association(node):
    """The association that is open meanwhile goes on; the new sender is accepted afterwards."""
    path = node.folder / "config.toml"
    first, *others = head_series()[:3]
    before = path.read_text()
    assert not accepts(node, "CT2")
    with associated(node.port) as association:
        assert association.send_c_store(first).Status == 0
        path.write_text(before + NEW_SOURCE)
        done = ich_node("reload", config=path)
        assert done.exit_code == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == [
            "analyse",
            "receive",
            "send",
        ]
        wait_for(node, "reloaded", 3)
        assert [association.send_c_store(other).Status for other in others] == [0, 0]
    assert accepts(node, "CT2")
    (job,) = node.ledger.operator.list()
    assert len(node.ledger.operator.instances(job)) == 3


def test_a_mistake_changes_nothing_and_is_said(node):
    """The command refuses before it signals; a bare SIGHUP is answered in the log."""
    path = node.folder / "config.toml"
    good = path.read_text()
    reloaded = len(events(node, "reloaded"))
    path.write_text(good.replace("[scp]", "[scp]\nprot = 1"))
    refused = ich_node("reload", config=path)
    assert refused.exit_code == 2
    assert "[scp] has no setting 'prot'; did you mean 'port'?" in refused.stderr
    node.process.send_signal(signal.SIGHUP)  # `run` passes it on
    wait_for(node, "reload_failed", 3)
    path.write_text(good)
    failed = events(node, "reload_failed")
    assert {event["process"] for event in failed} == {"receive", "analyse", "send"}
    assert "did you mean 'port'?" in failed[0]["mistakes"][0]
    assert len(events(node, "reloaded")) == reloaded
    assert accepts(node, "CT1")


def test_what_waits_for_a_restart_is_named(node):
    path = node.folder / "config.toml"
    good = path.read_text()
    path.write_text(good.replace("lease_seconds = 5", "lease_seconds = 5\nthreads = 1"))
    done = ich_node("reload", config=path)
    assert "[analysis] threads counts only after a restart of the services" in done.stdout
    wait_for(node, "reload_needs_restart", 3)
    path.write_text(good)
    assert events(node, "reload_needs_restart")[0]["settings"] == ["[analysis] threads"]


def test_the_end_is_no_reload(node):
    """`run` does not let its services read the configuration once more when it ends."""
    reloaded = len(events(node, "reloaded"))
    node.process.terminate()
    node.process.wait()
    assert len(events(node, "reloaded")) == reloaded


def test_nothing_runs(tmp_path):
    (tmp_path / "config.toml").write_text("")
    done = ich_node("reload", config=tmp_path / "config.toml")
    assert done.exit_code == 1
    assert f"no service of this host has its spool in {tmp_path}/var/spool" in done.stderr
