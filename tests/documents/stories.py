"""The commands of a document that run one after the other in one folder."""

import re
from dataclasses import dataclass, field, replace

from tests.documents.blocks import Block

# What makes a block a script for a shell, beside `#` and `\` at the end of a line.
SCRIPT = re.compile(r"[|;&<>$`]|^\w+=|^(for|do|done|if|fi|while) ?", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command. printed: the lines that it prints; None: any, but it must succeed. first, last:
    the numbers of these lines in the document, the last one not included.
    """

    command: str
    printed: list[str] | None = None
    goes_on: bool = False
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """place: where its first block is."""

    state: str
    place: str
    is_extended: bool
    steps: list[Step] = field(default_factory=list)


def stories(blocks: list[Block]) -> list[Story]:
    """Of a document's blocks, in their order. A state that follows on itself begins anew where its
    comment is repeated.
    """
    found: list[Story] = []
    begun_at = 0
    for block in blocks:
        if not block.is_of_commands or not block.is_run:
            continue
        if not found or block.state_at != begun_at:
            begun_at = block.state_at
            found.append(Story(state=block.state, place=block.place, is_extended=block.is_extended))
        found[-1].steps.extend(steps(block))
    return found


def steps(block: Block) -> list[Step]:
    if block.language == "console":
        return console_steps(block)
    end = block.first + len(block.lines)
    return [
        Step(command=command, goes_on=block.goes_on, first=block.first, last=end)
        for command in commands(block)
    ]


def console_steps(block: Block) -> list[Step]:
    """Lines before the first command belong to none."""
    found: list[Step] = []
    for number, line in enumerate(block.lines, start=block.first):
        if line.startswith("$ "):
            found.append(Step(command=line[2:], printed=[], first=number + 1, last=number + 1))
        elif found:
            printed = [*(found[-1].printed or ()), line]
            found[-1] = replace(found[-1], printed=printed, last=number + 1)
    return found


def commands(block: Block) -> list[str]:
    """A script of a shell is one command."""
    if block.language == "console":
        return [step.command for step in console_steps(block)]
    text = "\n".join(block.lines)
    without_comments = re.sub(r"(^|\s)#.*", "", text)
    if SCRIPT.search(without_comments):
        return [text]
    joined = without_comments.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]
