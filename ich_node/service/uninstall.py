"""The plan of `uninstall-service`."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node.errors import Unavailable
from ich_node.service import places, units
from ich_node.service.files import OurFile
from ich_node.service.install import ServicePlan
from ich_node.service.machine import Machine
from ich_node.service.stamp import is_untouched, prefix_in
from ich_node.service.step import FoundState, ServiceStep, State


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """They end what they do; nothing that was acknowledged is lost."""

    machine: Machine

    @property
    def what(self) -> str:
        return "services stopped, and not started with the machine"

    def look(self) -> FoundState:
        names = self._names()
        if not names:
            return FoundState(state=State.DONE)
        return FoundState(state=State.TO_DO, lines=(f"systemctl disable --now {' '.join(names)}",))

    def do(self) -> None:
        self.machine.run("systemctl", "disable", "--now", *self._names())

    def _names(self) -> list[str]:
        """The target first: it takes its services along."""
        links = self.machine.at(places.UNITS).glob("*.wants/ich-node*")
        enabled = sorted((path.name for path in links), key=lambda name: name != places.TARGET)
        return list(dict.fromkeys([*enabled, *units.active_units(self.machine)]))


@dataclass(frozen=True, kw_only=True)
class Gone:
    """A file, or a folder with all that is in it. why_kept: a sentence; None: it may go."""

    machine: Machine
    path: Path
    loss: str = ""
    why_kept: Callable[[Path], str | None] = lambda _: None

    @property
    def what(self) -> str:
        return f"{self.path} is gone"

    def look(self) -> FoundState:
        path = self.machine.at(self.path)
        if not path.exists() and not path.is_symlink():
            return FoundState(state=State.DONE)
        if (reason := self.why_kept(path)) is not None:
            return FoundState(state=State.LEFT, detail=reason)
        is_folder = path.is_dir() and not path.is_symlink()
        return FoundState(
            state=State.TO_DO,
            detail=self.loss,
            size=_size(path) if is_folder else None,
            lines=(f"rm {'-r ' if is_folder else ''}{self.path}",),
        )

    def do(self) -> None:
        path = self.machine.at(self.path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """systemd knows the units no more. gone: their files, which are removed before."""

    machine: Machine

    @property
    def what(self) -> str:
        return "systemd has forgotten the units"

    def look(self) -> FoundState:
        loaded = self.machine.asked(
            "systemctl", "show", "--value", "-p", "LoadState", places.TARGET
        )
        if loaded.strip() == "loaded":
            return FoundState(state=State.TO_DO, lines=("systemctl daemon-reload",))
        return FoundState(state=State.DONE)

    def do(self) -> None:
        self.machine.run("systemctl", "daemon-reload")
        self.machine.asked("systemctl", "reset-failed", "ich-node*")


@dataclass(frozen=True, kw_only=True)
class NoAccount:
    """The user of the services, and with it his group."""

    machine: Machine

    @property
    def what(self) -> str:
        return f"user {self.machine.user} is gone"

    def look(self) -> FoundState:
        if self.machine.account is None:
            return FoundState(state=State.DONE)
        return FoundState(state=State.TO_DO, lines=(f"userdel {self.machine.user}",))

    def do(self) -> None:
        self.machine.run("userdel", self.machine.user)


def plan(machine: Machine, *, remove_config: bool, remove_data: bool) -> ServicePlan:
    """Without both it keeps the user, to whom the rest belongs."""
    prefix = installed_prefix(machine)
    steps: list[ServiceStep] = [Stopped(machine=machine)]
    steps += [Gone(machine=machine, path=places.UNITS / name) for name in units.unit_names()]
    steps += [
        Gone(machine=machine, path=places.COMMAND, why_kept=_another_program),
        Gone(machine=machine, path=places.LOGROTATE),
        Forgotten(machine=machine),
    ]
    if remove_config:
        lost = "configuration, certificates, keys"
        steps.append(Gone(machine=machine, path=places.CONFIG_FOLDER, loss=lost))
        steps += [Gone(machine=machine, path=path) for path in left_by_people(machine)]
    if remove_data:
        lost = "ledger, objects, models, search key, tokens"
        steps.append(Gone(machine=machine, path=places.STATE, loss=lost))
    if remove_config and remove_data:
        steps.append(NoAccount(machine=machine))
    if prefix is not None:
        # the last, because it is what runs now
        steps.append(Gone(machine=machine, path=prefix, loss="the program", why_kept=_no_venv))
    return ServicePlan(
        steps=tuple(steps),
        obstacles=tuple(_obstacles(machine)),
        notes=tuple(_kept(machine, remove_config=remove_config, remove_data=remove_data)),
    )


def installed_prefix(machine: Machine) -> Path | None:
    """The one that the units run; None: there is no unit."""
    unit = machine.at(places.UNITS / places.SERVICES[0])
    found = prefix_in(unit.read_text(encoding="utf-8")) if unit.exists() else None
    return Path(found) if found is not None else None


def left_by_people(machine: Machine) -> list[Path]:
    """Drop-ins, and what somebody had edited before it was replaced."""
    folder = machine.at(places.UNITS)
    found = [*folder.glob("ich-node*.d"), *folder.glob(f"ich-node*{OurFile.unlike}")]
    return [places.UNITS / path.name for path in sorted(found)]


def apply(step: ServiceStep) -> None:
    """Raises Unavailable, with a sentence."""
    try:
        step.do()
    except OSError as error:
        raise Unavailable(
            f"{step.what}: {error.filename or ''} {error.strerror}. Run this again when that is"
            " mended"
        ) from error


def _obstacles(machine: Machine) -> Iterator[str]:
    if not machine.has_systemd:
        yield "systemd does not run here, so there is no service to take away"
    units_there = any(machine.at(places.UNITS / name).exists() for name in units.unit_names())
    for folder in places.PACKAGED_UNITS:
        if machine.at(folder / places.SERVICES[0]).exists() and not units_there:
            yield "a package has installed ich-node: apt purge ich-node, or dnf remove ich-node"
            break
    if machine.is_root and not os.access(machine.at(places.UNITS), os.W_OK):
        yield f"{places.UNITS} cannot be written, not even by root: a read-only system"


def _kept(machine: Machine, *, remove_config: bool, remove_data: bool) -> Iterator[str]:
    if not remove_data and machine.at(places.STATE).exists():
        yield f"{places.STATE} stays: ledger, objects, models, keys (--remove-data)"
    if not remove_config:
        drop_ins = [str(path) for path in left_by_people(machine)]
        if machine.at(places.CONFIG_FOLDER).exists() or drop_ins:
            verb = "stay" if drop_ins else "stays"
            what = " and ".join([str(places.CONFIG_FOLDER), *drop_ins])
            yield f"{what} {verb}: configuration, certificates (--remove-config)"
    if not (remove_config and remove_data) and machine.account is not None:
        yield f"the user {machine.user} stays: what stays belongs to it"


def _another_program(path: Path) -> str | None:
    text = path.read_text(encoding="utf-8", errors="replace")
    if is_untouched(text) or prefix_in(text) is not None:
        return None
    return "it is another program; remove it yourself if you want to"


def _no_venv(path: Path) -> str | None:
    if (path / "pyvenv.cfg").exists():
        return None
    return "it is no virtual environment that install-service makes; remove it yourself"


def _size(folder: Path) -> int:
    """Bytes on the disk."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            total += (Path(place) / name).lstat().st_blocks * 512
    return total
