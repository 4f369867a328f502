"""The command blocks of the documents, and what becomes of each."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import REPOSITORY

COMMANDS = ("", "console", "sh", "bash")
REASONS = (
    "needs root",
    "needs systemd",
    "needs CUDA",
    "needs a data set",
    "needs a PACS",
    "needs Docker",
    "needs Kubernetes",
    "needs the network",
    "takes long",
    "other machine",
    "a pattern",  # its words in capitals stand for something of the reader's
)
NOTE = re.compile(r"\s*<!-- (state|not run|run by|goes on)(?:: (.*?))? -->\s*")


class Unclear(Exception):
    """What a document says of a block is not understood."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """first: the number of its first line in the document, from 0. state: the node that it looks
    at, "" if none; state_at: the number of the line that says so. not_run, run_by: what the comment
    above it says, or "".
    """

    document: Path
    first: int
    language: str
    lines: list[str] = field(default_factory=list)
    state: str = ""
    state_at: int = 0
    is_extended: bool = False
    goes_on: bool = False
    not_run: str = ""
    run_by: str = ""

    @property
    def is_run(self) -> bool:
        return bool(self.state) and not self.not_run and not self.run_by

    @property
    def is_of_commands(self) -> bool:
        return self.language in COMMANDS

    @property
    def reason(self) -> str:
        """Why it is not run: one of REASONS, or "" if it is none of these."""
        reason = self.not_run.split(":")[0]
        return reason if reason in REASONS else ""

    @property
    def place(self) -> str:
        name = self.document
        if name.is_relative_to(REPOSITORY):
            name = name.relative_to(REPOSITORY)
        return f"{name}:{self.first}"


def documents() -> list[Path]:
    return [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *sorted((REPOSITORY / "docs").glob("*.md")),
        REPOSITORY / "systemd" / "README.md",
    ]


def blocks(document: Path) -> list[Block]:
    """In their order, also those that are no commands."""
    found: list[Block] = []
    state, state_at, is_extended = "", 0, False
    above: dict[str, str] = {}
    is_open = False
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines()):
        if line.lstrip().startswith("```"):
            is_open = not is_open
            if is_open:
                found.append(
                    Block(
                        document=document,
                        first=number + 1,
                        language=line.strip().strip("`").strip(),
                        state=state,
                        state_at=state_at,
                        is_extended=is_extended,
                        goes_on="goes on" in above,
                        not_run=above.get("not run", ""),
                        run_by=above.get("run by", ""),
                    )
                )
            above = {}
        elif is_open:
            found[-1].lines.append(line)
        elif note := NOTE.fullmatch(line):
            above[note[1]] = note[2] or ""
            if note[1] == "state":
                state, is_extended = state_of(note[2] or "", f"{document}:{number + 1}")
                state_at = number
        elif line.strip():
            above = {}
    return found


def state_of(words: str, place: str) -> tuple[str, bool]:
    """Its name, and whether it is one for `make extended`."""
    told = re.fullmatch(r"(\w+)(; extended)?", words)
    if told is None:
        raise Unclear(f"{place}: a state is `NAME` or `NAME; extended`, not {words!r}")
    return told[1], bool(told[2])


def command_blocks() -> list[Block]:
    """Of all documents."""
    return [block for path in documents() for block in blocks(path) if block.is_of_commands]
