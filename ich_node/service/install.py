"""The plan of `install-service`."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ich_node
from ich_node import __version__
from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.errors import ConfigError, Unavailable
from ich_node.service import account, journal, labels, places, ports, prefix, program, units
from ich_node.service.files import ConfigFile, Folder, OurFile, Rights
from ich_node.service.machine import Machine
from ich_node.service.owners import Owners
from ich_node.service.step import ServiceStep
from ich_node.service.wheel import Wheel
from ich_node.shipped import shipped

FOR_THE_SERVICES = Rights(mode=0o750, group=places.USER)


@dataclass(frozen=True, kw_only=True)
class ServiceWishes:
    """wheel: None leaves the program that is in the prefix. config: None takes the template where
    there is none yet. replace_edited: units that somebody has edited, too.
    """

    prefix: Path
    wheel: Wheel | None
    config: Path | None
    start: bool
    replace_edited: bool


@dataclass(frozen=True, kw_only=True)
class ServicePlan:
    """obstacles: sentences; with one of them nothing is done. notes: what is left to people."""

    steps: tuple[ServiceStep, ...]
    obstacles: tuple[str, ...]
    notes: tuple[str, ...]


def plan(machine: Machine, wishes: ServiceWishes) -> ServicePlan:
    """Raises ConfigError if the given configuration has mistakes."""
    if wishes.config is not None:
        load_config(wishes.config)
    files = _files(machine, wishes)
    steps: list[ServiceStep] = [
        account.ServiceAccount(machine=machine),
        program.Program(machine=machine, prefix=wishes.prefix, wheel=wishes.wheel),
        Folder(machine=machine, path=places.CONFIG_FOLDER, rights=FOR_THE_SERVICES),
        Folder(machine=machine, path=places.TLS, rights=FOR_THE_SERVICES),
        _config_file(machine, wishes.config),
        Folder(
            machine=machine,
            path=places.STATE,
            rights=Rights(mode=0o700, owner=places.USER, group=places.USER),
        ),
        Owners(machine=machine),
        *files,
    ]
    if labels.is_used(machine):
        steps.append(labels.Labels(machine=machine, prefix=wishes.prefix))
    steps += [units.Known(machine=machine, files=files), units.Enabled(machine=machine)]
    if wishes.start:
        steps.append(units.ServicesRun(machine=machine, prefix=wishes.prefix))
    return ServicePlan(
        steps=tuple(steps),
        obstacles=tuple(dict.fromkeys(_obstacles(machine, wishes))),
        notes=tuple(_notes(machine, wishes)),
    )


def _files(machine: Machine, wishes: ServiceWishes) -> tuple[OurFile, ...]:
    replace = wishes.replace_edited
    rotation = journal.logrotate_file(machine, replace=replace)
    return (
        *units.unit_files(machine, wishes.prefix, replace=replace),
        units.command_file(machine, wishes.prefix, replace=replace),
        *([rotation] if rotation is not None else []),
    )


def _config_file(machine: Machine, given: Path | None) -> ConfigFile:
    template = shipped("config.toml")
    return ConfigFile(
        machine=machine,
        path=places.CONFIG,
        text=lambda: (given or template).read_text(encoding="utf-8"),
        like=f"a copy of {given}"
        if given
        else "every setting with its default; nobody may send yet",
        is_given=given is not None,
        rights=Rights(mode=0o640, group=places.USER),
    )


def require_usable_config(machine: Machine, prefix_: Path) -> None:
    """As the services will read it: with their rights. Raises ConfigError."""
    if units.sets_credentials(machine):
        machine.said("not checked: drop-ins give the services settings or keys of their own")
        return
    done = machine.run_as_user(str(prefix.program(prefix_)), "check-config")
    if done.returncode:
        raise ConfigError(
            f"all is installed, and nothing was started: the user {machine.user} cannot work with"
            f" {places.CONFIG}.\n{done.stderr.strip() or done.stdout.strip()}\nMend it, then"
            " run this again"
        )


def _obstacles(machine: Machine, wishes: ServiceWishes) -> Iterator[str]:
    if not machine.has_systemd:
        yield (
            "systemd does not run here. In a container the container's engine starts and watches"
            " the services: run `ich-node run` in it instead"
        )
    for folder in places.PACKAGED_UNITS:
        if machine.at(folder / places.SERVICES[0]).exists():
            yield (
                f"a package has installed ich-node here (its units lie in {folder}): it has made"
                f" all of this. `systemctl enable --now {places.TARGET}` starts the services"
            )
            break
    for folder in (places.UNITS, places.CONFIG_FOLDER.parent, places.COMMAND.parent):
        there = machine.at(folder)
        if not there.is_dir():
            yield f"there is no folder {folder}: is this a Linux with systemd?"
        elif machine.is_root and not os.access(there, os.W_OK):
            yield (
                f"{folder} cannot be written, not even by root: a read-only system. Make it"
                " writable (mount -o remount,rw), or install ich-node where its image is built"
            )
    yield from account.mistakes_of(machine)
    mistakes = prefix.mistakes_of(machine, wishes.prefix)
    yield from mistakes
    if not mistakes:
        yield from program.mistakes_of(machine, wishes.prefix, wishes.wheel)
        yield from _code_out_of_reach(wishes)
        yield from _other_version(machine, wishes)
    yield from _ports(machine, wishes)


def _code_out_of_reach(wishes: ServiceWishes) -> Iterator[str]:
    """A venv can lead to a source tree somewhere else (pip install -e)."""
    code = Path(ich_node.__file__).parent
    if Path(sys.prefix) == wishes.prefix and not code.is_relative_to(wishes.prefix):
        yield from prefix.code_mistakes(code)


def _other_version(machine: Machine, wishes: ServiceWishes) -> Iterator[str]:
    there = prefix.installed(machine, wishes.prefix)
    if there is None or wishes.wheel is not None or Path(sys.prefix) == wishes.prefix:
        return
    if prefix.version_of(there) != __version__:
        yield (
            f"{wishes.prefix} has ich-node {prefix.version_of(there)}, and this is {__version__}:"
            f" units and program belong together. Give the wheel of this one (--wheel FILE), or run"
            f" {prefix.program(wishes.prefix)} install-service"
        )


def _ports(machine: Machine, wishes: ServiceWishes) -> Iterator[str]:
    active = units.active_units(machine) if machine.has_systemd else []
    configured = _configured_ports(machine, wishes)
    yield from ports.taken(machine, [each for each in configured if each.service not in active])


def _configured_ports(machine: Machine, wishes: ServiceWishes) -> list[ports.Port]:
    return ports.ports_of(_config(machine, wishes))


def _config(machine: Machine, wishes: ServiceWishes) -> Config:
    """What the services will read; the defaults where nobody can say it now."""
    there = machine.at(places.CONFIG)
    try:
        return load_config(there if there.exists() else wishes.config).config
    except (ConfigError, PermissionError):
        return load_config(None).config


def _notes(machine: Machine, wishes: ServiceWishes) -> Iterator[str]:
    yield from journal.notes(machine)
    open_ports = [each for each in _configured_ports(machine, wishes) if each.is_for_peers]
    if open_ports and machine.asked("firewall-cmd", "--state").strip() == "running":
        opened = set(machine.asked("firewall-cmd", "--list-ports").split())
        closed = [each for each in open_ports if f"{each.number}/tcp" not in opened]
        if closed:
            options = " ".join(f"--add-port={each.number}/tcp" for each in closed)
            yield (
                "the firewall lets no peer in yet:"
                f" firewall-cmd --permanent {options} && firewall-cmd --reload"
            )
    if wishes.start or not machine.has_systemd:
        return
    older = units.started_before(machine, wishes.prefix, units.wanted(machine))
    if older:
        yield (
            "these run what was installed before, until you restart them (nothing is lost):"
            f" systemctl restart {' '.join(older)}"
        )


def apply(machine: Machine, step: ServiceStep, prefix_: Path) -> None:
    """Raises ConfigError or Unavailable, with a sentence."""
    os.umask(0o022)  # the user of the services must be able to read the program
    try:
        if isinstance(step, units.ServicesRun):
            require_usable_config(machine, prefix_)
        step.do()
    except OSError as error:
        raise Unavailable(
            f"{step.what}: {error.filename or ''} {error.strerror}. What was done before it stays;"
            " run this again when that is mended"
        ) from error
