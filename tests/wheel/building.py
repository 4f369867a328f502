"""Builds a wheel as `make wheel` does."""

import os
import subprocess
from pathlib import Path

from tests.support import REPOSITORY


def build(tree: Path, out: Path) -> Path:
    """The wheel of this clone, with the tools of this repository's environment."""
    tools = ("--old-file=.venv/installed", f"BIN={REPOSITORY}/.venv/bin")
    subprocess.run(
        ["make", *tools, "wheel", f"DIST={out}"],
        cwd=tree,
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"MAKEFLAGS": ""},
    )
    (wheel,) = out.glob("*.whl")
    return wheel


def git(*arguments: object, cwd: Path = REPOSITORY) -> str:
    done = subprocess.run(
        ["git", *map(str, arguments)], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
