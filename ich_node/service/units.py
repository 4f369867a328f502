"""The units of systemd: their files, and what systemd makes of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node.service import places
from ich_node.service.files import OurFile, Rights
from ich_node.service.machine import Machine
from ich_node.service.prefix import installed
from ich_node.service.stamp import stamped, with_prefix
from ich_node.service.step import FoundState, State
from ich_node.shipped import shipped

SETS_CONFIG = re.compile(r"^(LoadCredential|Environment=.*\bICHNODE__|EnvironmentFile)", re.M)
INSTANCE = re.compile(r"ich-node-analyse@\S+\.service")


def unit_names() -> list[str]:
    """Of all that are shipped."""
    return sorted(
        each.name
        for each in shipped("systemd").iterdir()
        if each.name.endswith((".service", ".target", ".timer"))
    )


def unit_files(machine: Machine, prefix: Path, *, replace: bool) -> list[OurFile]:
    return [
        OurFile(
            machine=machine,
            path=places.UNITS / name,
            text=stamped(
                _text(name, prefix), f"changes belong into a drop-in: systemctl edit {name}"
            ),
            rights=Rights(mode=0o644),
            instead=f"Put what differs into a drop-in (`systemctl edit {name}`)",
            like=f"as the program brings it, for {prefix}",
            replace=replace,
        )
        for name in unit_names()
    ]


def command_file(machine: Machine, prefix: Path, *, replace: bool) -> OurFile:
    """The command for people, who call it by its name."""
    return OurFile(
        machine=machine,
        path=places.COMMAND,
        text=stamped(_text("ich-node", prefix), "the next install-service writes it again"),
        rights=Rights(mode=0o755),
        instead="If it is another program, move it away",
        like=f"the command for people: it runs {prefix}/bin/ich-node as the user {machine.user}",
        replace=replace,
    )


def _text(name: str, prefix: Path) -> str:
    return with_prefix(shipped(f"systemd/{name}").read_text(encoding="utf-8"), str(prefix))


@dataclass(frozen=True, kw_only=True)
class Known:
    """systemd has read the files as they are. files: which are written before."""

    machine: Machine
    files: tuple[OurFile, ...]

    @property
    def what(self) -> str:
        return "systemd knows the units"

    def look(self) -> FoundState:
        if not any(file.look().state is State.TO_DO for file in self.files):
            waits = self.machine.asked(
                "systemctl", "show", "--value", "-p", "NeedDaemonReload", *places.SERVICES
            )
            unknown = self.machine.asked(
                "systemctl", "show", "--value", "-p", "LoadState", places.TARGET
            )
            if "yes" not in waits and unknown.strip() == "loaded":
                return FoundState(state=State.DONE)
        return FoundState(state=State.TO_DO, lines=("systemctl daemon-reload",))

    def do(self) -> None:
        self.machine.run("systemctl", "daemon-reload")


@dataclass(frozen=True, kw_only=True)
class Enabled:
    """They start with the machine. Once the target is enabled, the administrator's choice of
    services stands.
    """

    machine: Machine

    @property
    def what(self) -> str:
        return "starts with the machine"

    def look(self) -> FoundState:
        if not _is_enabled(self.machine, places.TARGET):
            return FoundState(state=State.TO_DO, lines=(f"systemctl enable {places.TARGET}",))
        off = [name for name in places.SERVICES if not _is_enabled(self.machine, name)]
        detail = f"disabled here, and left so: {', '.join(off)}" if off else ""
        return FoundState(state=State.DONE, detail=detail)

    def do(self) -> None:
        self.machine.run("systemctl", "enable", places.TARGET)


@dataclass(frozen=True, kw_only=True)
class ServicesRun:
    """The services that are enabled run, and what they run is what is installed."""

    machine: Machine
    prefix: Path

    @property
    def what(self) -> str:
        return "services run"

    def look(self) -> FoundState:
        names = wanted(self.machine)
        stopped = [name for name in names if active_state(self.machine, name) != "active"]
        if stopped or not names:
            return FoundState(
                state=State.TO_DO,
                detail=f"not running: {', '.join(stopped)}" if names else "",
                lines=(f"systemctl start {places.TARGET}",),
            )
        older = started_before(self.machine, self.prefix, names)
        if older:
            return FoundState(
                state=State.TO_DO,
                detail=f"they run what was installed before: {', '.join(older)}",
                lines=(f"systemctl restart {' '.join(older)}",),
            )
        return FoundState(state=State.DONE, detail=", ".join(names))

    def do(self) -> None:
        """Raises Unavailable if one does not start."""
        names = wanted(self.machine)
        older = started_before(self.machine, self.prefix, names)
        if older:
            self.machine.run("systemctl", "restart", *older)
        # by their names: a target that is active already starts nothing
        self.machine.run("systemctl", "start", places.TARGET, *names)


def sets_credentials(machine: Machine) -> bool:
    """A drop-in names files that only root reads, or changes the configuration: a command that is
    no service does not have them.
    """
    folders = machine.at(places.UNITS).glob("ich-node-*.service.d")
    texts = (path.read_text(encoding="utf-8") for each in folders for path in each.glob("*.conf"))
    return any(SETS_CONFIG.search(text) for text in texts)


def wanted(machine: Machine) -> list[str]:
    """The services that are enabled, an analyser for each GPU among them."""
    listed = machine.asked(
        "systemctl", "list-unit-files", "--no-legend", "--plain", "--state=enabled", "ich-node*"
    )
    links = sorted(
        path.name
        for path in machine.at(places.UNITS / f"{places.TARGET}.wants").glob("ich-node-*.service")
    )
    instances = [name for name in links if INSTANCE.fullmatch(name)]
    enabled = {line.split()[0] for line in listed.splitlines() if line.strip()}
    return [name for name in places.SERVICES if name in enabled] + instances


def active_units(machine: Machine) -> list[str]:
    """All of this node that run now."""
    listed = machine.asked(
        "systemctl",
        "list-units",
        "--no-legend",
        "--plain",
        "--state=active,activating,reloading,deactivating",
        "ich-node*",
    )
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def failed_units(machine: Machine) -> list[str]:
    """All of this node that systemd has given up."""
    return _in_state(machine, "failed")


def restarting_units(machine: Machine) -> list[str]:
    """All of this node that have just ended without being asked to, and are started again."""
    return _in_state(machine, "auto-restart")


def _in_state(machine: Machine, state: str) -> list[str]:
    listed = machine.asked(
        "systemctl", "list-units", "--no-legend", "--plain", f"--state={state}", "ich-node*"
    )
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def active_state(machine: Machine, name: str) -> str:
    return machine.asked("systemctl", "show", "--value", "-p", "ActiveState", name).strip()


def started_before(machine: Machine, prefix: Path, names: list[str]) -> list[str]:
    """Those that run since before their unit or the program was written."""
    distribution = installed(machine, prefix)
    # pip writes this file last
    record = distribution / "RECORD" if distribution is not None else None
    program = record.stat().st_mtime if record is not None and record.exists() else 0.0
    return list(_started_before(machine, names, program))


def _started_before(machine: Machine, names: list[str], program: float) -> Iterator[str]:
    for name in names:
        template = re.sub(r"@[^.]*", "@", name)
        unit = machine.at(places.UNITS / template)
        written = max(program, unit.stat().st_mtime if unit.exists() else 0.0)
        since = machine.asked(
            "systemctl", "show", "--value", "--timestamp=unix", "-p", "ExecMainStartTimestamp", name
        ).strip()
        runs = active_state(machine, name) == "active"
        if runs and since.startswith("@") and int(since[1:]) < int(written):
            yield name


def _is_enabled(machine: Machine, name: str) -> bool:
    return machine.asked("systemctl", "is-enabled", name).strip() == "enabled"
