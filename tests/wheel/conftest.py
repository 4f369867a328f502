"""The wheel, and an environment that has nothing but it and what it requires."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support import REPOSITORY
from tests.wheel.building import build

UV = REPOSITORY / ".venv/bin/uv"
# What pip is told by its environment, uv is told, too.
SAME = {"PIP_FIND_LINKS": "UV_FIND_LINKS", "PIP_CERT": "SSL_CERT_FILE"}


@dataclass(frozen=True, kw_only=True)
class Installed:
    """prefix: of the environment; folder: where its commands run, outside every source tree."""

    prefix: Path
    folder: Path

    def run(self, *command: object, exit_code: int = 0) -> str:
        """What a program of this environment prints."""
        program, *arguments = map(str, command)
        done = subprocess.run(
            [self.prefix / "bin" / program, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def environment(self) -> dict[str, str]:
        """No setting of this process or of the node, and no path to Python modules."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of `make wheel`, or one of this tree."""
    if given := os.environ.get("ICH_NODE_WHEEL"):
        return Path(given).resolve()
    return build(REPOSITORY, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """By uv: it resolves and installs as pip does, in a tenth of the time."""
    folder = tmp_path_factory.mktemp("installed")
    prefix = folder / "ich-node"
    with ZipFile(wheel) as archive:
        pins = archive.extract("ich_node/shipped/constraints.txt", folder)
    environment = os.environ | {
        new: os.environ[old] for old, new in SAME.items() if old in os.environ
    }
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    python = REPOSITORY / ".venv/bin/python"
    for command in (
        ["venv", "--quiet", "--python", python, prefix],
        ["pip", "install", "--quiet", "--python", prefix / "bin/python", "-c", pins, wheel],
        ["pip", "check", "--quiet", "--python", prefix / "bin/python"],
    ):
        subprocess.run([UV, *command], cwd=folder, env=environment, check=True)
    work = folder / "work"
    work.mkdir()
    return Installed(prefix=prefix, folder=work)
