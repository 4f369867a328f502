"""The console blocks of docs/operations.md.

A comment `<!-- state: NAME -->` says which node the blocks after it look at, up to the next such
comment: tests/operations/states/NAME.py makes it. A line `$ COMMAND` runs; the lines below it are
what it prints. A line `...` stands for any lines.

`python -m tests.operations.document` writes what the commands print now into the document.
"""

import importlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from tests.support import REPOSITORY
from tests.support.command_line import ich_node
from tests.support.release import as_documented

DOCUMENT = REPOSITORY / "docs" / "operations.md"
FOLDER_OF_A_NODE = "/var/lib/ich-node"
# What differs from run to run: times, hashes and UIDs, durations, the user, sizes.
VARYING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "TIME"),
    (r"\b(\d\d-\d\d )?\d\d:\d\d(:\d\d)?\b", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b\d+(\.\d+){4,}\b|\b2\.25\.\d+\b|…\d+\b", "UID"),
    (r"\b[0-9a-f]{8,64}\b", "HASH"),
    (r"\b\d+(\.\d+)? (s|seconds|min|minutes|h|hours|MB|GB)\b", "AMOUNT"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r" by \w+", " by USER"),
    (r"[ ]{2,}", "  "),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command and the lines that it prints. first, last: the numbers of these lines in the
    document, the last one not included.
    """

    command: str
    printed: list[str] = field(default_factory=list)
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """The commands that run one after the other on one node."""

    state: str
    steps: tuple[Step, ...]


def stories(text: str) -> list[Story]:
    """Of the document's text, in their order."""
    found: list[Story] = []
    in_console = False
    for number, line in enumerate(text.splitlines()):
        if named := re.fullmatch(r"<!-- state: (\w+) -->", line):
            found.append(Story(state=named[1], steps=()))
        elif line.startswith("```"):
            in_console = line == "```console"
        elif in_console and line.startswith("$ "):
            step = Step(command=line[2:], first=number + 1, last=number + 1)
            found[-1] = replace(found[-1], steps=(*found[-1].steps, step))
        elif in_console:
            step = found[-1].steps[-1]
            longer = replace(step, printed=[*step.printed, line], last=number + 1)
            found[-1] = replace(found[-1], steps=(*found[-1].steps[:-1], longer))
    return found


@contextmanager
def node_of(story: Story, folder: Path) -> Iterator[None]:
    """The node that the story looks at, in this process's environment and working directory."""
    module = importlib.import_module(f"tests.operations.states.{story.state}")
    before = Path.cwd()
    with module.state(folder) as config:
        environment = {"ICH_NODE_CONFIG": str(config), "COLUMNS": "80", "TZ": "UTC"}
        environment |= {"ICHNODE__WEB__ENABLED": "true"}  # the default, which tests change
        with mock.patch.dict(os.environ, environment):
            os.chdir(folder)
            try:
                yield
            finally:
                os.chdir(before)


def run(step: Step, folder: Path) -> list[str]:
    """What the command prints: standard output, then standard error."""
    words = shlex.split(step.command)
    if words[0] == "ich-node":
        ran = ich_node(*words[1:])
        printed = ran.stdout + ran.stderr
    else:
        done = subprocess.run(
            step.command, shell=True, cwd=folder, capture_output=True, text=True, check=False
        )
        printed = done.stdout + done.stderr
    lines = as_documented(printed).replace(str(folder), FOLDER_OF_A_NODE).splitlines()
    return [line.rstrip() for line in lines]


def alike(line: str) -> str:
    """The line without what differs from run to run."""
    for pattern, name in VARYING:
        line = re.sub(pattern, name, line)
    return line.strip()


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether the document shows what is printed; `...` stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(agrees(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and alike(shown[0]) == alike(printed[0]) and agrees(shown[1:], printed[1:])


def write() -> None:
    """Replace what the document shows where it does not agree."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    changes: list[tuple[Step, list[str]]] = []
    only = sys.argv[1:]
    for story in stories("\n".join(lines)):
        if only and story.state not in only:
            continue
        with tempfile.TemporaryDirectory() as name, node_of(story, Path(name)):
            for step in story.steps:
                printed = run(step, Path(name))
                if not agrees(step.printed, printed):
                    changes.append((step, printed))
    for step, printed in sorted(changes, key=lambda change: -change[0].first):
        lines[step.first : step.last] = printed
    DOCUMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
