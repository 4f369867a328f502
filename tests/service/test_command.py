"""systemd/ich-node: the command for people, as root and as the user of the services."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPOSITORY

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
PROGRAM = """\
#!/bin/sh
echo "$(id -un) $ICHNODE_HOME $ICH_NODE_CONFIG $HOME $PWD"
for argument in "$@"; do echo "<$argument>"; done
exit 3
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """pytest's own ones are for its user alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def command(open_folder: Path) -> Path:
    """It runs a program that prints who it is, as nobody."""
    program = open_folder / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    text = (REPOSITORY / "systemd" / "ich-node").read_text()
    path = open_folder / "ich-node"
    path.write_text(
        text.replace("user=ich-node", "user=nobody").replace(
            "program=/opt/ich-node/bin/ich-node", f"program={program}"
        )
    )
    path.chmod(0o755)
    return path


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ICH_NODE_CONFIG": "/other.toml"}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@AS_ROOT
def test_root_becomes_the_user_of_the_services(command: Path, open_folder: Path) -> None:
    """Without sudo; arguments, folder and exit code stay; the configuration is that of services."""
    done = run(command, "jobs", "a b", "", "--x=*", cwd=open_folder)
    lines = done.stdout.splitlines()
    state, config = "/var/lib/ich-node", "/etc/ich-node/config.toml"
    assert lines[0] == f"nobody {state} {config} {state} {open_folder}"
    assert lines[1:] == ["<jobs>", "<a b>", "<>", "<--x=*>"]
    assert (done.returncode, done.stderr) == (3, "")


@AS_ROOT
def test_a_file_that_the_user_cannot_read_is_named(command: Path, open_folder: Path) -> None:
    """When the command fails, and only of what is there."""
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    (private / "ct").mkdir()
    done = run(command, "read", "ct", "not-there", cwd=private)
    assert done.returncode == 3
    assert "the user nobody, who may not read 'ct'" in done.stderr
    assert "not-there" not in done.stderr
    public = open_folder / "public"
    public.mkdir(mode=0o755)
    assert run(command, "read", public, cwd=open_folder).stderr == ""


@AS_ROOT
def test_install_service_runs_as_who_calls_it(command: Path, open_folder: Path) -> None:
    """It needs root's rights, and the prefix is its own."""
    done = run(command, "install-service", "--apply", cwd=open_folder)
    assert done.stdout.startswith("root ")


@AS_ROOT
def test_who_is_not_root_and_has_no_sudo_is_told(command: Path, open_folder: Path) -> None:
    """Also where the user, or the program, is not there."""
    without_sudo = open_folder / "bin"
    without_sudo.mkdir(mode=0o755)
    for name in ("id", "test", "sh"):
        (without_sudo / name).symlink_to(f"/usr/bin/{name}")
    other = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "--"]
    done = run(*other, "env", f"PATH={without_sudo}", command, "jobs", cwd=open_folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no sudo here: become root first" in done.stderr
    text = command.read_text()
    command.write_text(text.replace("user=nobody", "user=nobody-here"))
    assert "there is no user nobody-here" in run(command, "jobs", cwd=open_folder).stderr
    (open_folder / "program").unlink()
    assert "there is no program" in run(command, "jobs", cwd=open_folder).stderr


@AS_ROOT
def test_sudo_runs_the_same_command_again(command: Path, open_folder: Path) -> None:
    """So that a rule in sudoers can name it; what sudo says is explained."""
    sudo = open_folder / "sudo"
    sudo.write_text('#!/bin/sh\necho "sudo $*" >&2\nexit 1\n')
    sudo.chmod(0o755)
    other = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "--"]
    path = f"PATH={open_folder}:/usr/bin:/bin"
    done = run(*other, "env", path, command, "jobs", "list", cwd=open_folder)
    assert f"-u nobody -- {command} jobs list" in done.stderr.splitlines()[0]
    assert "who may run the commands stands in sudoers" in done.stderr
