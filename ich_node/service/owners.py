"""What lies in the state folder belongs to the user of the services, after a restore as root or on
another machine, too.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node.service import places
from ich_node.service.machine import Machine
from ich_node.service.step import FoundState, State

DEPTH = 2  # var/, and what is in it; a spool may hold millions of files


@dataclass(frozen=True, kw_only=True)
class Owners:
    """The command for people makes no file as root, but a copy by hand does."""

    machine: Machine

    @property
    def what(self) -> str:
        return f"all in {places.STATE} belongs to {self.machine.user}"

    def look(self) -> FoundState:
        account = self.machine.account
        state = self.machine.at(places.STATE)
        if account is None or not state.is_dir():
            return FoundState(state=State.DONE, detail="nothing is there yet")
        other = next(
            (path for path in _below(state) if path.lstat().st_uid != account.pw_uid), None
        )
        if other is None:
            return FoundState(state=State.DONE)
        return FoundState(
            state=State.TO_DO,
            detail=f"not so is {places.STATE / other.relative_to(state)}",
            lines=(f"chown -R {self.machine.user}:{self.machine.user} {places.STATE}",),
        )

    def do(self) -> None:
        account = self.machine.account
        assert account is not None
        state = self.machine.at(places.STATE)
        for folder, _, files in os.walk(state):
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name == "lost+found":  # of a file system of its own
            continue
        yield path
        if depth > 1 and path.is_dir() and not path.is_symlink():
            yield from _below(path, depth - 1)
