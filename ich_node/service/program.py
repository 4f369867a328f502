"""The program: a prefix that is there already, or a venv that is made of a wheel."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ich_node import __version__
from ich_node.errors import ConfigError
from ich_node.service.machine import Machine
from ich_node.service.prefix import installed, program, python, python_mistakes, version_of
from ich_node.service.step import FoundState, State
from ich_node.service.wheel import Wheel

CPU_TORCH = "https://download.pytorch.org/whl/cpu"
OLDEST = (3, 11)
# what pip unpacks, and what it has downloaded meanwhile
CPU_BYTES, CUDA_BYTES = 3_000_000_000, 9_000_000_000
NEWEST_MINOR = 19


@dataclass(frozen=True, kw_only=True)
class Program:
    """wheel: None leaves what is in the prefix."""

    machine: Machine
    prefix: Path
    wheel: Wheel | None

    @property
    def what(self) -> str:
        return f"program {self.prefix}"

    def look(self) -> FoundState:
        distribution = installed(self.machine, self.prefix)
        if distribution is None:
            return FoundState(
                state=State.TO_DO,
                detail="takes some minutes" if self.wheel is not None else "of which wheel?",
                lines=tuple(self._shown()),
            )
        there = version_of(distribution)
        if self.wheel is None or self._is_it(distribution):
            return FoundState(state=State.DONE, detail=f"ich-node {there}")
        return FoundState(
            state=State.TO_DO,
            detail=f"ich-node {there} is there"
            + (", of another wheel" if self._same(there) else ""),
            lines=tuple(self._shown()),
        )

    def do(self) -> None:
        assert self.wheel is not None
        if not self.machine.at(python(self.prefix)).exists():
            self.machine.run(str(system_python()), "-m", "venv", str(self.prefix))
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text(self.wheel.constraints(), encoding="utf-8")
            for command in self._pip(str(constraints)):
                self.machine.run_aloud(*command)

    def _is_it(self, distribution: Path) -> bool:
        assert self.wheel is not None
        record = distribution / "RECORD"
        text = record.read_text(encoding="utf-8") if record.exists() else ""
        return self._same(version_of(distribution)) and self.wheel.is_installed(text)

    def _same(self, version: str) -> bool:
        return self.wheel is not None and version == self.wheel.version

    def _shown(self) -> Iterator[str]:
        if self.wheel is None:
            return
        if not self.machine.at(python(self.prefix)).exists():
            yield f"{system_python()} -m venv {self.prefix}"
        for command in self._pip("constraints.txt"):
            yield " ".join(command)

    def _pip(self, constraints: str) -> Iterator[list[str]]:
        """constraints: the file; the wheel has it."""
        assert self.wheel is not None
        pip = [str(python(self.prefix)), "-m", "pip", "install"]
        distribution = installed(self.machine, self.prefix)
        if distribution is not None and self._same(version_of(distribution)):
            # pip takes an equal version for the same program
            yield [*pip, "--force-reinstall", "--no-deps", str(self.wheel.path)]
        index = [] if has_nvidia(self.machine) else ["--extra-index-url", CPU_TORCH]
        yield [*pip, "--upgrade", "-c", constraints, *index, str(self.wheel.path)]


def has_nvidia(machine: Machine) -> bool:
    """The driver of a GPU is loaded: torch for CUDA is then worth its gigabytes."""
    return machine.at(Path("/proc/driver/nvidia/version")).exists()


def system_python() -> Path:
    """The Python of which a venv is made: the one that runs, if the services may see it, else one
    of the system. Raises ConfigError if there is none.
    """
    running = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    others = (
        Path(folder) / f"python3.{minor}"
        for minor in range(NEWEST_MINOR, OLDEST[1] - 1, -1)
        for folder in ("/usr/bin", "/usr/local/bin")
    )
    for candidate in (running, *others):
        if candidate.exists() and not python_mistakes(candidate):
            return candidate
    raise ConfigError(
        f"there is no Python {OLDEST[0]}.{OLDEST[1]} or later that services can see (below /home"
        " and /root they cannot): apt install python3 python3-venv, or dnf install python3.12"
    )


def mistakes_of(machine: Machine, prefix: Path, wheel: Wheel | None) -> list[str]:
    """One sentence for each reason why the program cannot be put there."""
    if wheel is None and installed(machine, prefix) is None:
        there = "no folder" if not machine.at(prefix).exists() else "no ich-node in"
        return [
            f"there is {there} {prefix}, and this ich-node {__version__} does not know the wheel"
            " that it was installed from: give it with --wheel FILE"
        ]
    if machine.at(python(prefix)).exists() or wheel is None:
        return []
    if machine.at(prefix).is_dir() and any(machine.at(prefix).iterdir()):
        return [_something_else(machine, prefix)]
    try:
        interpreter = system_python()
    except ConfigError as error:
        return [error.detail]
    if not machine.asked(str(interpreter), "-c", "import ensurepip, venv; print('both')"):
        return [
            f"{interpreter} cannot make a virtual environment: apt install"
            f" {interpreter.name}-venv (Debian has it in a package of its own)"
        ]
    needed = CUDA_BYTES if has_nvidia(machine) else CPU_BYTES
    free = shutil.disk_usage(_existing(machine.at(prefix))).free
    if free < needed:
        return [
            f"{prefix} needs {needed / 1e9:.0f} GB while it is made, most of it for torch, and"
            f" {free / 1e9:.1f} GB are free there"
        ]
    return []


def _something_else(machine: Machine, prefix: Path) -> str:
    sentence = f"{prefix} is no virtual environment, and not empty: choose another --prefix"
    if machine.at(program(prefix / ".venv")).exists():
        return f"{sentence}, or take over what the source tree there has: {prefix}/.venv"
    return sentence


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
