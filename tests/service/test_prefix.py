"""From where services may run the program, and from where not."""

import os
import zipfile
from pathlib import Path

import pytest

from ich_node import __version__
from ich_node.errors import ConfigError
from ich_node.service import prefix, program
from ich_node.service.machine import Machine
from ich_node.service.wheel import CONSTRAINTS, installed_from, open_wheel

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only what belongs to root may be run")
PREFIX = Path("/opt/ich-node")
FILES = "ich_node/__init__.py,sha256=abc,7\nich_node/shipped/constraints.txt,sha256=def,14\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    tmp_path.chmod(0o755)
    return Machine(root=tmp_path)


def make_prefix(machine: Machine) -> Path:
    """As pip leaves it, with nothing that runs."""
    folder = machine.at(PREFIX)
    described = folder / "lib" / "python3.11" / "site-packages" / "ich_node-0.1.0.dist-info"
    described.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "ich-node").touch(mode=0o755)
    return folder


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/home/alice/ich-node", "the services cannot see /home"),
        ("/root/ich-node/.venv", "the services cannot see /root"),
        ("/tmp/ich-node", "the services cannot see /tmp"),
        ("opt/ich-node", "give the full path"),
        ("/opt/ich node", "a unit cannot have blanks"),
        ("/opt/100%", "a unit cannot have blanks, %"),
    ],
)
def test_a_prefix_that_services_cannot_use(machine: Machine, path: str, said: str) -> None:
    """One sentence says why."""
    (mistake,) = prefix.mistakes_of(machine, Path(path))
    assert said in mistake


@AS_ROOT
def test_a_prefix_that_others_can_change(machine: Machine) -> None:
    """Its owner, the mode of the program, and of what is above it."""
    folder = make_prefix(machine)
    assert prefix.mistakes_of(machine, PREFIX) == []
    folder.parent.chmod(0o777)
    (mistake,) = prefix.mistakes_of(machine, PREFIX)
    assert mistake.startswith("/opt can be written by every user")
    folder.parent.chmod(0o755)
    os.chown(folder / "bin" / "ich-node", 65534, 65534)
    (mistake,) = prefix.mistakes_of(machine, PREFIX)
    assert mistake.startswith("/opt/ich-node/bin/ich-node belongs to nobody")
    os.chown(folder / "bin" / "ich-node", 0, 0)
    folder.chmod(0o700)
    (mistake,) = prefix.mistakes_of(machine, PREFIX)
    assert mistake == (
        "/opt/ich-node is closed to the user ich-node: `chmod -R go+rX /opt/ich-node`"
    )


@AS_ROOT
def test_the_python_of_a_prefix_is_followed(tmp_path: Path) -> None:
    """pyenv and conda install it where the services cannot see it."""
    real = tmp_path / "python3"
    real.touch(mode=0o755)
    assert prefix.python_mistakes(Path("/bin/sh")) == []
    os.chown(real, 65534, 65534)
    link = tmp_path / "link"
    link.symlink_to(real)
    mistakes = prefix.python_mistakes(link)
    assert any("the services cannot see" in each or "nobody" in each for each in mistakes)


def make_wheel(folder: Path, version: str = __version__, name: str | None = None) -> Path:
    path = folder / (name or f"ich_node-{version}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w") as files:
        files.writestr(CONSTRAINTS, "torch==2.13.0\n")
        record = f"ich_node-{version}.dist-info/RECORD"
        files.writestr(record, f"{FILES}{record},,\n")
    return path


def test_a_wheel_must_be_of_this_version(tmp_path: Path) -> None:
    """Units and program belong together; whatever else is given gets a sentence."""
    assert open_wheel(make_wheel(tmp_path), version=__version__).constraints() == "torch==2.13.0\n"
    broken = tmp_path / "ich_node-1.0-py3-none-any.whl"
    broken.write_bytes(b"not a zip")
    for path, said in (
        (make_wheel(tmp_path, "9.9.9"), "is of version 9.9.9"),
        (make_wheel(tmp_path, name="other-1.0-py3-none-any.whl"), "ich_node-VERSION"),
        (tmp_path / "ich_node-0.0-py3-none-any.whl", "there is no such file"),
        (broken, "it is no whole wheel"),
    ):
        with pytest.raises(ConfigError, match=said):
            open_wheel(path, version=__version__)


def test_the_wheel_that_pip_was_given_is_found_again(tmp_path: Path) -> None:
    """Only while it has the same files (PEP 610, PEP 376); pip adds lines of its own."""
    wheel = open_wheel(make_wheel(tmp_path), version=__version__)
    noted = f'{{"url": "file://{wheel.path}", "archive_info": {{}}}}'
    record = f"../../../bin/ich-node,sha256=x,9\n{FILES}ich_node-0.dist-info/INSTALLER,sha256=y,4\n"
    assert installed_from(noted, record) == wheel.path
    assert installed_from(noted, record.replace("sha256=abc", "sha256=abd")) is None
    assert installed_from(noted, None) is None
    assert installed_from(None, record) is None
    editable = '{"url": "file:///src", "dir_info": {"editable": true}}'
    assert installed_from(editable, record) is None
    wheel.path.write_bytes(b"another")
    assert installed_from(noted, record) is None


def test_what_pip_would_be_told(machine: Machine, tmp_path: Path) -> None:
    """torch for CPUs, unless there is a GPU; the same version again is forced."""
    wheel = open_wheel(make_wheel(tmp_path, "0.1.0"), version="0.1.0")
    step = program.Program(machine=machine, prefix=PREFIX, wheel=wheel)
    cpu = f"--extra-index-url {program.CPU_TORCH}"
    fresh = step.look().lines
    assert fresh[0].endswith(f"-m venv {PREFIX}")
    assert fresh[1].endswith(f"install --upgrade -c constraints.txt {cpu} {wheel.path}")
    (machine.root / "proc" / "driver" / "nvidia").mkdir(parents=True)
    (machine.root / "proc" / "driver" / "nvidia" / "version").touch()
    make_prefix(machine)
    again = step.look()
    assert again.detail == "ich-node 0.1.0 is there, of another wheel"
    assert "--force-reinstall --no-deps" in again.lines[1]
    assert cpu not in again.lines[2]
    described = machine.at(PREFIX) / "lib/python3.11/site-packages/ich_node-0.1.0.dist-info"
    (described / "RECORD").write_text(FILES)
    assert step.look().detail == "ich-node 0.1.0"


def test_without_a_wheel_the_prefix_must_be_there(machine: Machine) -> None:
    """Both ways to make it are named."""
    (mistake,) = program.mistakes_of(machine, PREFIX, None)
    assert "--wheel FILE" in mistake
    looked = program.Program(machine=machine, prefix=PREFIX, wheel=None).look()
    assert (looked.detail, looked.lines) == ("of which wheel?", ())
    make_prefix(machine)
    assert program.mistakes_of(machine, PREFIX, None) == []


def test_a_source_tree_is_not_filled_with_a_program(machine: Machine, tmp_path: Path) -> None:
    """Nodes of earlier versions were cloned to where the program lies now."""
    venv = machine.at(PREFIX / ".venv" / "bin")
    venv.mkdir(parents=True)
    wheel = open_wheel(make_wheel(tmp_path), version=__version__)
    (mistake,) = program.mistakes_of(machine, PREFIX, wheel)
    assert mistake == (
        "/opt/ich-node is no virtual environment, and not empty: choose another --prefix"
    )
    (venv / "ich-node").touch()
    (mistake,) = program.mistakes_of(machine, PREFIX, wheel)
    assert mistake.endswith("or take over what the source tree there has: /opt/ich-node/.venv")
