"""Folders and files: with their content, owner and mode."""

import difflib
import grp
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from ich_node.service.machine import Machine
from ich_node.service.stamp import is_untouched
from ich_node.service.step import FoundState, State


@dataclass(frozen=True, kw_only=True)
class Rights:
    """owner, group: names; None: root's. mode: as of chmod."""

    mode: int
    owner: str | None = None
    group: str | None = None

    @override
    def __str__(self) -> str:
        return f"{self.mode:04o} {self.owner or 'root'}:{self.group or 'root'}"

    def ids(self, machine: Machine) -> tuple[int, int] | None:
        """None: the user of the services is still to be made."""
        if self.owner is None and self.group is None:
            return 0, 0
        account = machine.account
        if account is None:
            return None
        group = account.pw_gid if self.group is not None else 0
        return (account.pw_uid if self.owner is not None else 0), group

    def are_those_of(self, path: Path, machine: Machine) -> bool:
        is_ = path.stat()
        return stat.S_IMODE(is_.st_mode) == self.mode and self.ids(machine) == (
            is_.st_uid,
            is_.st_gid,
        )

    def give(self, path: Path, machine: Machine) -> None:
        ids = self.ids(machine)
        assert ids is not None
        os.chown(path, *ids)
        path.chmod(self.mode)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """With what is above it."""

    machine: Machine
    path: Path
    rights: Rights

    @property
    def what(self) -> str:
        return f"folder {self.path}, {self.rights}"

    def look(self) -> FoundState:
        path = self.machine.at(self.path)
        if not path.exists():
            owner, group = self.rights.owner or "root", self.rights.group or "root"
            command = f"install -d -m {self.rights.mode:o} -o {owner} -g {group} {self.path}"
            return FoundState(state=State.TO_DO, lines=(command,))
        if self.rights.are_those_of(path, self.machine):
            return FoundState(state=State.DONE)
        return _with_other_rights(self)

    def do(self) -> None:
        path = self.machine.at(self.path)
        path.mkdir(parents=True, exist_ok=True)
        self.rights.give(path, self.machine)


@dataclass(frozen=True, kw_only=True)
class OurFile:
    """A file that belongs to the installation: a later version brings a later one. What somebody
    has edited is left, unless replace is set; then his version is kept as NAME.edited.

    text: with its stamp. instead: where changes belong. like: what it was made from.
    """

    machine: Machine
    path: Path
    text: str
    rights: Rights
    instead: str
    like: str
    replace: bool = False
    unlike: ClassVar[str] = ".edited"

    @property
    def what(self) -> str:
        return f"file {self.path}, {self.rights}"

    def look(self) -> FoundState:
        path = self.machine.at(self.path)
        if not path.exists():
            return FoundState(state=State.TO_DO, detail=self.like)
        there = path.read_text(encoding="utf-8", errors="replace")
        if there == self.text:
            if self.rights.are_those_of(path, self.machine):
                return FoundState(state=State.DONE)
            return _with_other_rights(self)
        if is_untouched(there):
            return FoundState(
                state=State.TO_DO,
                detail="it is of an earlier version, or of another prefix",
                lines=_difference(there, self.text, self.path),
            )
        if self.replace:
            kept = self.path.with_name(self.path.name + self.unlike)
            return FoundState(
                state=State.TO_DO,
                detail=f"somebody has edited it: his version stays as {kept}",
                lines=_difference(there, self.text, self.path),
            )
        return FoundState(
            state=State.LEFT,
            detail=f"somebody has edited it, so it is not overwritten. {self.instead}; then"
            " `install-service --apply --replace-edited`",
            lines=_difference(self.text, there, self.path),
        )

    def do(self) -> None:
        path = self.machine.at(self.path)
        if path.exists() and not is_untouched(path.read_text(encoding="utf-8", errors="replace")):
            path.rename(path.with_name(path.name + self.unlike))
        write(path, self.text, self.rights, self.machine)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """config.toml belongs to the site: once it is there, only who may read it is set right."""

    machine: Machine
    path: Path
    text: Callable[[], str]
    like: str
    is_given: bool
    rights: Rights

    @property
    def what(self) -> str:
        return f"file {self.path}, {self.rights}"

    def look(self) -> FoundState:
        path = self.machine.at(self.path)
        if not path.exists():
            return FoundState(state=State.TO_DO, detail=self.like)
        if not self.rights.are_those_of(path, self.machine):
            return _with_other_rights(self, "; its content stays as it is")
        there = path.read_text(encoding="utf-8", errors="replace")
        if self.is_given and there != self.text():
            return FoundState(
                state=State.LEFT,
                detail="a configuration is never overwritten. What the given one has otherwise:",
                lines=_difference(there, self.text(), self.path),
            )
        return FoundState(state=State.DONE)

    def do(self) -> None:
        path = self.machine.at(self.path)
        if path.exists():
            self.rights.give(path, self.machine)
        else:
            write(path, self.text(), self.rights, self.machine)


def write(path: Path, text: str, rights: Rights, machine: Machine) -> None:
    """The whole file appears in one step, with its rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        rights.give(Path(temporary), machine)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def described(path: Path) -> str:
    """0600 alice:users"""
    is_ = path.stat()
    return f"{stat.S_IMODE(is_.st_mode):04o} {path.owner() if _has_name(path) else is_.st_uid}:" + (
        _group_name(is_.st_gid)
    )


def _has_name(path: Path) -> bool:
    try:
        path.owner()
    except KeyError:
        return False
    return True


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _with_other_rights(step: Folder | OurFile | ConfigFile, more: str = "") -> FoundState:
    """It is there, and belongs to others or may be read by others than it should."""
    rights = step.rights
    return FoundState(
        state=State.TO_DO,
        detail=f"it is {described(step.machine.at(step.path))}{more}",
        lines=(
            f"chown {rights.owner or 'root'}:{rights.group or 'root'} {step.path}",
            f"chmod {rights.mode:o} {step.path}",
        ),
    )


def _difference(before: str, after: str, path: Path) -> tuple[str, ...]:
    lines: Iterator[str] = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path}", f"{path}", lineterm="", n=0
    )
    return tuple(line for line in lines if not line.startswith(("---", "+++")))
