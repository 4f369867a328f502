"""A story is run: its node, its commands, and those that go on beside them."""

import importlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from tests.documents.compare import agrees
from tests.documents.stories import SCRIPT, Step, Story
from tests.support.command_line import ich_node
from tests.support.peers import wait_until
from tests.support.release import as_documented

FOLDER_OF_A_NODE = "/var/lib/ich-node"
PROGRAMS = str(Path(sys.executable).parent)  # where ich-node is: `.venv/bin` of the documents
SITE = "http://127.0.0.1:8104"  # a state may have it elsewhere
SERVICES = ("receive", "analyse", "send")
START_SECONDS = 400.0  # on a busy machine
ANSWER_SECONDS = 120.0
# Whoever runs the tests may be root; a document must not change his machine.
NEVER = ("sudo", "apt", "apt-get", "systemctl", "dpkg", "dnf", "docker", "podman", "kubectl")


@dataclass(kw_only=True)
class Node:
    """The folder that the commands run in, and what goes on there."""

    folder: Path
    beside: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, step: Step) -> tuple[int, list[str]]:
        """The exit code, and what the command prints: standard output, then standard error."""
        forbidden = {word for word in step.command.split() if word in NEVER}
        assert not forbidden, f"{step.command}: a test does not run {', '.join(forbidden)}"
        command = step.command.replace(".venv/bin/", f"{PROGRAMS}/")
        command = command.replace(SITE, os.environ.get("SITE_OF_A_DOCUMENT", SITE))
        is_script = bool(SCRIPT.search(command))
        words = [] if is_script else shlex.split(command, comments=True)
        if step.goes_on:
            self._begin(words)
            return 0, []
        if words and words[0] in ("ich-node", f"{PROGRAMS}/ich-node"):
            ran = ich_node(*words[1:])
            code, printed = ran.exit_code, ran.stdout + ran.stderr
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            code, printed = done.returncode, done.stdout + done.stderr
        lines = as_documented(printed).replace(str(self.folder), FOLDER_OF_A_NODE).splitlines()
        return code, [line.rstrip() for line in lines]

    def shows(self, step: Step) -> tuple[bool, list[str]]:
        """Whether the command prints what the document shows, or succeeds where that shows nothing;
        and what it prints. Beside services it is asked until it does: they work meanwhile.
        """
        deadline = time.monotonic() + (ANSWER_SECONDS if self.beside else 0)
        while True:
            code, printed = self.run(step)
            fits = code == 0 if step.printed is None else agrees(step.printed, printed)
            if fits or step.printed is None or time.monotonic() > deadline:
                return fits, printed
            time.sleep(1)

    def _begin(self, words: list[str]) -> None:
        """The commands after `ich-node run` may rely on its services. What comes after another
        program asks it something, until it answers.
        """
        with (self.folder / "beside.log").open("ab") as log:
            begun = subprocess.Popen(words, cwd=self.folder, stdout=log, stderr=log)
        self.beside.append(begun)
        if words[-1] != "run":
            return
        options = words[1:-1]

        def all_ready() -> bool:
            assert begun.poll() is None, (self.folder / "beside.log").read_text()
            return not any(ich_node(*options, "ready", name).exit_code for name in SERVICES)

        wait_until(all_ready, seconds=START_SECONDS, what="services that are ready")

    def end(self) -> None:
        for each in reversed(self.beside):
            each.send_signal(signal.SIGTERM)
            each.wait(60)


@contextmanager
def node_of(story: Story, folder: Path) -> Iterator[Node]:
    """The node that the story looks at, in this process's environment and working directory."""
    module = importlib.import_module(f"tests.documents.states.{story.state}")
    before = Path.cwd()
    node = Node(folder=folder)
    with module.state(folder) as config:
        environment = {"COLUMNS": "80", "TZ": "UTC", "ICH_NODE_CONFIG": str(config)}
        environment |= {"ICHNODE__WEB__ENABLED": "true"}  # the default, which tests change
        environment |= {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        with mock.patch.dict(os.environ, environment):
            os.chdir(folder)
            try:
                yield node
            finally:
                node.end()
                os.chdir(before)
