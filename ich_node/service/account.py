"""The user and the group of the services."""

import grp
import shutil
from dataclasses import dataclass
from pathlib import Path

from ich_node.service import places
from ich_node.service.machine import Machine
from ich_node.service.step import FoundState, State

SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """A system user, who cannot log in; systemd-sysusers makes it where it is."""

    machine: Machine

    @property
    def what(self) -> str:
        return f"user and group {self.machine.user}"

    def look(self) -> FoundState:
        account = self.machine.account
        if account is None:
            return FoundState(state=State.TO_DO, lines=tuple(map(_shown, self._commands())))
        if account.pw_shell not in SHELLS:
            return FoundState(
                state=State.DONE,
                detail=f"it may log in, which no service needs: usermod -s {SHELLS[0]}"
                f" {self.machine.user}",
            )
        return FoundState(state=State.DONE)

    def do(self) -> None:
        for command in self._commands():
            self.machine.run(*command)

    def _commands(self) -> list[list[str]]:
        name, home = self.machine.user, str(places.STATE)
        if shutil.which("systemd-sysusers"):
            return [["systemd-sysusers", "--inline", f'u {name} - "ich-node" {home}']]
        group = ["--gid", name] if _is_group(name) else ["--user-group"]
        useradd = ["useradd", "--system", *group, "--home-dir", home, "--no-create-home"]
        return [[*useradd, "--shell", SHELLS[0], "--comment", "ich-node", name]]


def mistakes_of(machine: Machine) -> list[str]:
    """One sentence for each reason why a user that is there cannot be that of the services."""
    account = machine.account
    if account is None:
        return []
    if account.pw_uid == 0:
        return [f"the user {machine.user} is root; the services must not be"]
    if Path(account.pw_dir) != places.STATE:
        return [
            f"there is a user {machine.user} already, whose home is {account.pw_dir}, not"
            f" {places.STATE}. If it was made for this node: `usermod --home {places.STATE}"
            f" {machine.user}`. If it is somebody else's: rename it (`usermod --login`), or install"
            " ich-node on another machine"
        ]
    return []


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _shown(command: list[str]) -> str:
    return " ".join(f"'{each}'" if " " in each else each for each in command)
