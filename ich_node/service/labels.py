"""SELinux: systemd may only run a program whose files are labelled as programs."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ich_node.service import places
from ich_node.service.machine import Machine
from ich_node.service.step import FoundState, State

SWITCHED_ON = Path("/sys/fs/selinux/enforce")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What pip and venv make inherits the label of /opt; the policy has bin_t for /opt/*/bin."""

    machine: Machine
    prefix: Path

    @property
    def what(self) -> str:
        return "SELinux labels"

    def look(self) -> FoundState:
        folders = [
            str(path)
            for path in (self.prefix, places.CONFIG_FOLDER, places.STATE, places.COMMAND)
            if self.machine.at(path).exists()
        ]
        if folders and not self.machine.asked("restorecon", "-n", "-r", "-v", *folders).strip():
            return FoundState(state=State.DONE)
        return FoundState(state=State.TO_DO, lines=(" ".join(self._command()),))

    def do(self) -> None:
        self.machine.run(*self._command())

    def _command(self) -> list[str]:
        folders = (self.prefix, places.CONFIG_FOLDER, places.STATE, places.COMMAND)
        return ["restorecon", "-r", *map(str, folders)]


def is_used(machine: Machine) -> bool:
    return machine.at(SWITCHED_ON).exists() and shutil.which("restorecon") is not None
