"""Runs `ich-node` in this process: the same command line, without a new interpreter each time."""

import io
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from ich_node.cli import main


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


def ich_node(*arguments: object, config: Path | None = None) -> Ran:
    """What `main` prints and how it exits. An exception that it does not catch fails the test."""
    options = ["--config", str(config)] if config else []
    exit_code: int | str | None = 0
    with (
        redirect_stdout(io.StringIO()) as stdout,
        redirect_stderr(io.StringIO()) as stderr,
        warnings.catch_warnings(),  # main() sets filters for the whole process
    ):
        try:
            main([*options, *map(str, arguments)])
        except SystemExit as end:
            exit_code = end.code
    assert isinstance(exit_code, int | None), exit_code
    return Ran(exit_code=exit_code or 0, stdout=stdout.getvalue(), stderr=stderr.getvalue())


def ich_node_process(*arguments: object, config: Path) -> Ran:
    """The same in a process of its own: a service sets up the log of its whole process."""
    command = [sys.executable, "-m", "ich_node", "--config", str(config), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Ran(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
