"""Commands of the command line, each in a process of its own: what needs torch, or much memory.

Two run at once; they end with the site.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ich_node.errors import IchNodeError, Unavailable
from ich_node.web.site import Site

AT_ONCE = 2
WAIT_SECONDS = 10.0  # for one of the two to end
MOST_CHARACTERS = 2_000_000
PREFIX = "ich-node: "


class CommandFailed(IchNodeError):
    """The command could not do it."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """exit_code: 0 done, 1 it could not be done, 2 the command is wrong. output: what it printed;
    errors: what it printed on standard error, mostly one sentence.
    """

    exit_code: int
    output: str
    errors: str

    def done(self) -> str:
        """The output. Raises CommandFailed with the command's sentence if it has not done it."""
        if self.exit_code != 0:
            raise CommandFailed(self.errors or self.output)
        return self.output


class Running:
    """The commands that run now."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()

    def run(self, command: list[str], environment: dict[str, str], timeout: float) -> CommandResult:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("other commands of the site are still running: try again in a minute")
        try:
            return self._run(command, environment, timeout)
        finally:
            self._places.release()

    def _run(
        self, command: list[str], environment: dict[str, str], timeout: float
    ) -> CommandResult:
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            _be_first_to_go(process.pid)
            with self._lock:
                self._processes.add(process)
            try:
                output, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise Unavailable(
                    f"the command took longer than {timeout:.0f} s and was ended"
                ) from None
            finally:
                with self._lock:
                    self._processes.discard(process)
        if process.returncode < 0:
            raise Unavailable(f"the command was ended by signal {-process.returncode}")
        return CommandResult(
            exit_code=process.returncode,
            output=output[:MOST_CHARACTERS],
            errors=errors[:MOST_CHARACTERS].strip().removeprefix(PREFIX),
        )

    def end_all(self) -> None:
        """The site ends."""
        with self._lock:
            for process in self._processes:
                process.terminate()


RUNNING = Running()


def run_command(site: Site, *arguments: str, who: str, timeout: float = 120.0) -> CommandResult:
    """`ich-node ARGUMENTS` with the configuration of the site; the ledger names the visitor `who`.

    A value that a visitor typed goes behind its option's `=`, or behind `--`: it must not be taken
    for an option. Raises Unavailable if it lasts longer than timeout (seconds), or if two others do
    not end.
    """
    options = ["--config", str(site.config_path)] if site.config_path is not None else []
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
        "ICH_NODE_WHO": f"{who} (site)",
        "COLUMNS": "160",
        "NO_COLOR": "1",
    }
    return RUNNING.run(
        [sys.executable, "-m", "ich_node", *options, *arguments], environment, timeout
    )


def _be_first_to_go(pid: int) -> None:
    """Where memory ends, the command ends, and not the site."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
