"""Files and folders that install-service makes: their rights, and whose work is not overwritten."""

import os
import stat
from pathlib import Path

import pytest

from ich_node.service.files import ConfigFile, Folder, OurFile, Rights
from ich_node.service.machine import Machine
from ich_node.service.stamp import is_untouched, prefix_in, stamped, with_prefix
from ich_node.service.step import State
from tests.support import REPOSITORY

UNIT = Path("/etc/systemd/system/ich-node-send.service")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """nobody stands for the user of the services: every machine has one."""
    return Machine(root=tmp_path, user="nobody")


def our_file(machine: Machine, text: str, *, replace: bool = False) -> OurFile:
    return OurFile(
        machine=machine,
        path=UNIT,
        text=stamped(text, "changes belong into a drop-in"),
        rights=Rights(mode=0o644),
        instead="Put it into a drop-in",
        like="shipped",
        replace=replace,
    )


@AS_ROOT
def test_a_file_is_written_once_and_its_rights_are_mended(machine: Machine) -> None:
    """What it finds is what it says it would do."""
    step = our_file(machine, "[Service]\n")
    assert step.look().state is State.TO_DO
    step.do()
    assert step.look().state is State.DONE
    path = machine.at(UNIT)
    path.chmod(0o666)
    found = step.look()
    assert (found.state, found.detail) == (State.TO_DO, "it is 0666 root:root")
    assert found.lines == (f"chown root:root {UNIT}", f"chmod 644 {UNIT}")
    step.do()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


@AS_ROOT
def test_an_earlier_version_is_replaced_and_an_edited_one_is_not(machine: Machine) -> None:
    """What was edited is kept beside it when it is to be replaced."""
    our_file(machine, "MemoryMax=2G\n").do()
    newer = our_file(machine, "MemoryMax=4G\n")
    found = newer.look()
    assert found.state is State.TO_DO
    assert {"-MemoryMax=2G", "+MemoryMax=4G"} <= set(found.lines)
    newer.do()
    path = machine.at(UNIT)
    edited = path.read_text().replace("4G", "8G")
    path.write_text(edited)
    found = newer.look()
    assert found.state is State.LEFT
    assert found.lines[1:] == ("-MemoryMax=4G", "+MemoryMax=8G")
    assert "--replace-edited" in found.detail
    our_file(machine, "MemoryMax=4G\n", replace=True).do()
    assert newer.look().state is State.DONE
    assert path.with_name(path.name + ".edited").read_text() == edited


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "systemd").glob("ich-node*")), ids=lambda path: path.name
)
def test_a_stamp_tells_what_was_changed(path: Path) -> None:
    """For every shipped file and any prefix."""
    text = with_prefix(path.read_text(), "/srv/ich/.venv")
    written = stamped(text, "see there")
    assert is_untouched(written)
    assert not is_untouched(written.replace("ich-node", "other", 1))
    if path.suffix in ("", ".service"):
        assert prefix_in(written) == "/srv/ich/.venv"
        assert "/opt/ich-node" not in written
        assert written.splitlines()[0] == text.splitlines()[0] or written.startswith("# Written")


def test_units_of_the_time_before_install_service_are_known() -> None:
    """They were copied from the source, with the prefix of that time: /opt/ich-node/.venv."""
    unit = (REPOSITORY / "systemd" / "ich-node-receive.service").read_text()
    assert is_untouched(unit.replace("/opt/ich-node/bin", "/opt/ich-node/.venv/bin"))
    assert not is_untouched(unit.replace("MemoryMax=4G", "MemoryMax=5G"))


@AS_ROOT
def test_a_configuration_is_never_overwritten(machine: Machine) -> None:
    """Only who may read it is set right; what the given one has otherwise is shown."""

    def config_file(text: str) -> ConfigFile:
        return ConfigFile(
            machine=machine,
            path=Path("/etc/ich-node/config.toml"),
            text=lambda: text,
            like="a copy",
            is_given=True,
            rights=Rights(mode=0o640, group="nobody"),
        )

    config_file("[scp]\nport = 104\n").do()
    path = machine.at(Path("/etc/ich-node/config.toml"))
    account = machine.account
    assert account is not None
    assert (path.stat().st_uid, path.stat().st_gid) == (0, account.pw_gid)
    assert config_file("[scp]\nport = 104\n").look().state is State.DONE
    path.chmod(0o644)
    other = config_file("[scp]\nport = 11112\n")
    assert "its content stays as it is" in other.look().detail
    other.do()
    found = other.look()
    assert (found.state, found.lines[1:]) == (State.LEFT, ("-port = 104", "+port = 11112"))
    assert path.read_text() == "[scp]\nport = 104\n"


@AS_ROOT
def test_a_folder_gets_its_owner(machine: Machine) -> None:
    """One that is there keeps what is in it."""
    rights = Rights(mode=0o700, owner="nobody", group="nobody")
    step = Folder(machine=machine, path=Path("/var/lib/ich-node"), rights=rights)
    assert step.look().lines == ("install -d -m 700 -o nobody -g nobody /var/lib/ich-node",)
    path = machine.at(step.path)
    path.mkdir(parents=True)
    (path / "kept").touch()
    assert "chmod 700 /var/lib/ich-node" in step.look().lines
    step.do()
    assert step.look().state is State.DONE
    assert (path / "kept").exists()
