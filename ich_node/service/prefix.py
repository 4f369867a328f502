"""The folder with the program, and whether services may run it from there."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ich_node.service.machine import Machine

# What the units hide from the services: ProtectHome, PrivateTmp
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108
OTHERS = stat.S_IWOTH
DISTRIBUTION = re.compile(r"ich_node-(?P<version>[^-]+)\.dist-info")


def program(prefix: Path) -> Path:
    return prefix / "bin" / "ich-node"


def python(prefix: Path) -> Path:
    return prefix / "bin" / "python3"


def installed(machine: Machine, prefix: Path) -> Path | None:
    """The folder that describes the ich-node in a venv; None: there is none that is whole."""
    found = sorted(machine.at(prefix).glob("lib*/python3*/site-packages/ich_node-*.dist-info"))
    return found[-1] if found and machine.at(program(prefix)).exists() else None


def version_of(distribution: Path) -> str:
    match = DISTRIBUTION.fullmatch(distribution.name)
    assert match is not None
    return match["version"]


def mistakes_of(machine: Machine, prefix: Path) -> list[str]:
    """One sentence for each reason why services cannot or must not run from there. What is not
    there yet is judged by what is above it.
    """
    if not prefix.is_absolute():
        return [f"--prefix {prefix}: give the full path"]
    if re.search(r"[\s%$\"'\\]", str(prefix)):
        return [f"--prefix {prefix}: a unit cannot have blanks, %, $, quotes or \\ in its path"]
    if (hidden := _hidden(prefix)) is not None:
        return [
            f"the program lies in {prefix}: the services cannot see {hidden} (ProtectHome,"
            " PrivateTmp). Install it below /opt, e.g. with --prefix /opt/ich-node"
        ]
    mistakes = [*_writable_by_others(machine, prefix), *_out_of_reach(machine, prefix)]
    interpreter = machine.at(python(prefix))
    if interpreter.exists() and machine.root == Path("/"):
        mistakes += python_mistakes(interpreter)
    return mistakes


def python_mistakes(interpreter: Path) -> list[str]:
    """interpreter: as it is called; the services need what it leads to."""
    real = interpreter.resolve()
    if (hidden := _hidden(real)) is not None:
        return [
            f"the Python of {interpreter} is {real}, and the services cannot see {hidden}"
            " (ProtectHome; pyenv, conda and uv install there). Use that of the system:"
            " apt install python3 python3-venv, or dnf install python3.12"
        ]
    return [mistake for path in (real, real.parent) for mistake in _changeable(path, path)]


def _hidden(path: Path) -> Path | None:
    return next((each for each in HIDDEN if path.is_relative_to(each)), None)


def _writable_by_others(machine: Machine, prefix: Path) -> Iterator[str]:
    for path in (program(prefix), prefix / "bin", prefix, *prefix.parents):
        there = machine.at(path)
        if there.exists() and there.is_relative_to(machine.root):
            yield from _changeable(path, there)


def _out_of_reach(machine: Machine, prefix: Path) -> Iterator[str]:
    """A venv that root made with a umask of 077 is for root alone."""
    for path in (prefix / "bin", prefix, *prefix.parents):
        there = machine.at(path)
        if there.is_dir() and there.is_relative_to(machine.root) and not _can_enter(there):
            yield f"{path} is closed to the user {machine.user}: `chmod -R go+rX {path}`"


def _can_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _changeable(path: Path, there: Path) -> Iterator[str]:
    """A sentence if somebody but root can change it. there: where it lies on this machine."""
    is_ = there.stat()
    is_sticky = stat.S_ISDIR(is_.st_mode) and is_.st_mode & stat.S_ISVTX
    if is_.st_uid != 0:
        reason, remedy = f"belongs to {_owner(there)}", f"`chown -R root:root {there}`"
    elif is_.st_mode & OTHERS and not is_sticky:
        reason, remedy = "can be written by every user", f"`chmod -R go-w {there}`"
    else:
        return
    yield f"{path} {reason}: who can change it decides what the services run. {remedy}"


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"user {os.stat(path).st_uid}"


def code_mistakes(code: Path) -> list[str]:
    """code: the folder ich_node of a source tree that a venv leads to."""
    if (hidden := _hidden(code)) is not None:
        return [
            f"the program is {code}, and the services cannot see {hidden} (ProtectHome, "
            "PrivateTmp): install a wheel, e.g. with --prefix /opt/ich-node --wheel FILE"
        ]
    return [mistake for path in (code, code.parent) for mistake in _changeable(path, path)]
