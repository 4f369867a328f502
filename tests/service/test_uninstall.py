"""What uninstall-service takes away, what it keeps, and what it says is lost."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from ich_node.cli.uninstall_service import _lost
from ich_node.service import places
from ich_node.service.machine import Machine
from ich_node.service.step import State
from ich_node.service.uninstall import Gone, plan
from ich_node.service.units import command_file, unit_files
from tests.support.command_line import ich_node
from tests.support.ledger_examples import QUIET, T0, add, claim, finish
from tests.support.node import opened_ledger

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with a node that is installed and stopped."""
    machine = Machine(root=tmp_path, user="ich-node-of-a-test")
    for folder in (places.UNITS, places.TLS, places.STATE / "var", places.PREFIX / "bin"):
        machine.at(folder).mkdir(parents=True)
    machine.at(places.CONFIG).write_text("[scp]\nport = 104\n")
    machine.at(places.PREFIX / "pyvenv.cfg").touch()
    return machine


def install_files(machine: Machine) -> None:
    for file in unit_files(machine, places.PREFIX, replace=False):
        file.do()
    command_file(machine, places.PREFIX, replace=False).do()


def carry_out(machine: Machine, *, remove_config: bool, remove_data: bool) -> None:
    """The steps that are about files."""
    for step in plan(machine, remove_config=remove_config, remove_data=remove_data).steps:
        if isinstance(step, Gone) and step.look().state is State.TO_DO:
            step.do()
            assert step.look().state is State.DONE


@AS_ROOT
def test_data_configuration_and_drop_ins_stay_unless_told(machine: Machine) -> None:
    """Both are named with what is in them; then nothing of it is left."""
    install_files(machine)
    drop_in = machine.at(places.UNITS / "ich-node-web.service.d" / "memory.conf")
    drop_in.parent.mkdir()
    drop_in.touch()
    carry_out(machine, remove_config=False, remove_data=False)
    left = {path for path in machine.root.rglob("*") if path.is_file()}
    assert left == {drop_in, machine.at(places.CONFIG)}
    assert machine.at(places.STATE / "var").exists()
    data, config = plan(machine, remove_config=False, remove_data=False).notes
    assert data == "/var/lib/ich-node stays: ledger, objects, models, keys (--remove-data)"
    assert config.startswith("/etc/ich-node and /etc/systemd/system/ich-node-web.service.d stay")
    carry_out(machine, remove_config=True, remove_data=True)
    assert list(machine.root.rglob("*ich-node*")) == []


@AS_ROOT
def test_what_is_not_ours_is_left(machine: Machine) -> None:
    """Another program of that name, and a prefix that is no virtual environment."""
    install_files(machine)
    machine.at(places.COMMAND).write_text("#!/bin/sh\necho mine\n")
    machine.at(places.PREFIX / "pyvenv.cfg").unlink()
    steps = plan(machine, remove_config=True, remove_data=True).steps
    left = {step.what for step in steps if isinstance(step, Gone) and _is_left(step)}
    assert left == {f"{places.COMMAND} is gone", f"{places.PREFIX} is gone"}


def _is_left(step: Gone) -> bool:
    return step.look().state is State.LEFT


def test_what_would_be_lost_is_counted(machine: Machine) -> None:
    """Series, those that are not read yet, and what destinations did not get."""
    url = f"sqlite:///{machine.at(places.STATE)}/var/ich-node.sqlite"
    with opened_ledger(url) as ledger:
        add(ledger, 1)
        job = claim(ledger)
        assert job is not None
        finish(ledger, job)
        add(ledger, 2, at=T0 + QUIET + timedelta(hours=1))
    lost = list(_lost(machine))
    assert lost[0] == "lost: the records of 2 series"
    assert lost[1] == "lost: 1 series that are not read yet"
    assert lost[2:] == ["lost: 2 objects or messages that pacs did not get yet"]
    machine.at(places.CONFIG).write_text(
        '[spool]\npath = "/mnt/spool"\n[database]\nurl = "postgresql+psycopg://x@db/x"\n'
    )
    assert list(_lost(machine)) == [
        "not removed, because it lies elsewhere: /mnt/spool",
        "not removed: the ledger on PostgreSQL; other machines may work with it",
    ]
    machine.at(places.CONFIG).write_text("[scp]\nprot = 1\n")
    (sentence,) = _lost(machine)
    assert sentence.startswith("what would be lost cannot be said: ")


def test_without_a_service_there_is_nothing_to_take_away() -> None:
    """Where no systemd runs, as in a container."""
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs here")
    done = ich_node("uninstall-service", "--apply", "--yes")
    assert done.exit_code == 2
    assert "systemd does not run here, so there is no service to take away" in done.stderr
