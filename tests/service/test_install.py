"""What is in the way of install-service, and what it leaves to people."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.errors import ConfigError
from ich_node.service import places
from ich_node.service.install import ServicePlan, ServiceWishes, plan
from ich_node.service.journal import logrotate_file, notes
from ich_node.service.machine import Machine
from ich_node.service.step import State, seen
from ich_node.service.units import unit_names
from tests.support import REPOSITORY
from tests.support.command_line import ich_node
from tests.support.peers import need

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="what only root may do is not refused")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with systemd and a program, on which nothing of the service is there yet."""
    tmp_path.chmod(0o755)
    machine = Machine(root=tmp_path, user="ich-node-of-a-test")
    for folder in ("run/systemd/system", "etc/systemd/system", "usr/local/bin", "opt/ich-node/bin"):
        (tmp_path / folder).mkdir(parents=True)
    site = tmp_path / "opt/ich-node/lib/python3.11/site-packages/ich_node-0.2.0.dev0.dist-info"
    site.mkdir(parents=True)
    (tmp_path / "opt/ich-node/bin/ich-node").touch(mode=0o755)
    return machine


def planned(machine: Machine, *, config: Path | None = None) -> ServicePlan:
    wishes = ServiceWishes(
        prefix=places.PREFIX, wheel=None, config=config, start=False, replace_edited=False
    )
    return plan(machine, wishes)


@AS_ROOT
def test_nothing_is_in_the_way_of_a_fresh_machine(machine: Machine, tmp_path: Path) -> None:
    """Everything is to be done but the program, and looking changes nothing."""
    before = sorted(tmp_path.rglob("*"))
    found = planned(machine)
    assert found.obstacles == ()
    states = {step.what: seen(step).state for step in found.steps}
    assert states.pop("program /opt/ich-node") is State.DONE
    assert states.pop("all in /var/lib/ich-node belongs to ich-node-of-a-test") is State.DONE
    assert set(states.values()) == {State.TO_DO}
    assert sorted(tmp_path.rglob("*")) == before


@AS_ROOT
def test_each_obstacle_is_a_sentence(machine: Machine, tmp_path: Path) -> None:
    """No systemd, a package, no program; they are told all at once."""
    (tmp_path / "run/systemd/system").rmdir()
    packaged = tmp_path / "usr/lib/systemd/system/ich-node-receive.service"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    (tmp_path / "opt/ich-node/bin/ich-node").unlink()
    systemd, package, program = planned(machine).obstacles
    assert systemd.startswith("systemd does not run here")
    assert "a package has installed ich-node here" in package
    assert program.startswith("there is no ich-node in /opt/ich-node")
    assert program.endswith("give it with --wheel FILE")


@AS_ROOT
def test_a_user_of_somebody_else_is_in_the_way(machine: Machine) -> None:
    """By its home; and root is never taken."""
    (other,) = planned(Machine(root=machine.root, user="nobody")).obstacles
    assert "there is a user nobody already, whose home is /nonexistent" in other
    assert "usermod --home /var/lib/ich-node nobody" in other
    (root,) = planned(Machine(root=machine.root, user="root")).obstacles
    assert root == "the user root is root; the services must not be"


@pytest.fixture
def read_only(machine: Machine) -> Iterator[Machine]:
    """Its units can be written by nobody."""
    place = str(machine.at(places.UNITS))
    mount = subprocess.run(
        [need("mount"), "-t", "tmpfs", "-o", "ro", "tmpfs", place], check=False, capture_output=True
    )
    if mount.returncode:
        pytest.skip("mounting is not allowed here")
    yield machine
    subprocess.run([need("umount"), place], check=True)


@AS_ROOT
def test_a_read_only_system(read_only: Machine) -> None:
    """Root cannot write there either, and is told what to do."""
    (sentence,) = planned(read_only).obstacles
    assert sentence.startswith("/etc/systemd/system cannot be written, not even by root")


@AS_ROOT
def test_a_given_configuration_is_read_first(machine: Machine, tmp_path: Path) -> None:
    """A mistake in it ends the command; a port of it that is taken is in the way."""
    path = tmp_path / "site.toml"
    path.write_text("[scp]\nprot = 104\n")
    with pytest.raises(ConfigError, match="prot"):
        planned(machine, config=path)
    (tmp_path / "proc").symlink_to("/proc")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        path.write_text(f'[scp]\nport = {port}\nbind_address = "127.0.0.1"\n')
        (sentence,) = planned(machine, config=path).obstacles
    assert sentence.startswith(f"[scp] port {port} is taken by ")
    assert str(os.getpid()) in sentence


def test_logrotate_is_for_logs_in_files_only(machine: Machine, tmp_path: Path) -> None:
    """The journal rotates itself; where it is in memory only, a note says so."""
    assert logrotate_file(machine, replace=False) is None
    (note,) = notes(machine)
    assert "kept in memory only" in note
    (tmp_path / "etc/systemd/journald.conf").write_text("[Journal]\nStorage=persistent\n")
    assert list(notes(machine)) == []
    drop_in = tmp_path / "etc/systemd/system/ich-node-send.service.d/log.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nStandardError=append:/var/log/ich-node/send.log\n")
    file = logrotate_file(machine, replace=False)
    assert file is not None
    assert "\n/var/log/ich-node/send.log {\n" in file.text
    (note,) = notes(machine)
    assert "there is no logrotate" in note


def test_the_command_says_from_where_services_cannot_run() -> None:
    """As it is called here: by a test, from a source tree. Nothing is done either way."""
    for words in (("install-service",), ("install-service", "--apply")):
        done = ich_node(*words)
        if Path(sys.base_prefix).is_relative_to("/root"):
            assert done.exit_code == 2
            assert "the services cannot see /root" in done.stderr
    done = ich_node("install-service", "--prefix", "/home/x", "--wheel", "/nowhere.whl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "a file ich_node-VERSION-py3-none-any.whl is wanted" in done.stderr
    done = ich_node("install-service", config=Path("/nowhere.toml"))
    assert done.stderr == "ich-node: --config /nowhere.toml: there is no such file\n"


def test_every_shipped_unit_is_installed() -> None:
    """Services, target and timer: all but the command for people and the page about them."""
    shipped = {path.name for path in (REPOSITORY / "systemd").iterdir()}
    assert set(unit_names()) == shipped - {"ich-node", "README.md"}
