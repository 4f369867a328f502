"""Whether commands that are not run would at least be understood: their names and options."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer

from ich_node.cli import app

BEFORE = ("sudo", "do", "then")  # in front of the name of a command, as `NAME=VALUE` is


@dataclass(frozen=True, kw_only=True)
class Call:
    """names: of the command and of the groups that it is in. problem: "" if it is understood."""

    names: tuple[str, ...]
    problem: str = ""


def calls(text: str) -> list[Call]:
    """Of `ich-node`, in a block of commands or in a sentence."""
    found: list[Call] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not re.search(r"(^|[\s/])ich-node\s", line):
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=";|&")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";|&"):
                if command and command[0].rpartition("/")[2] == "ich-node":
                    found.append(call(command[1:]))
                command = []
            elif command or not (word in BEFORE or "=" in word):
                command.append(word)
    return found


def misunderstood(text: str) -> list[str]:
    """What the command line does not have of the calls in this text."""
    return [each.problem for each in calls(text) if each.problem]


@cache
def command_line() -> Any:
    """With the commands of the other packages, which are added when they are asked for."""
    command: Any = typer.main.get_command(app)
    command.list_commands(None)
    return command


def call(arguments: list[str]) -> Call:
    """arguments: e.g. `--config my.toml jobs list --since 2h`. Values are not looked at."""
    command, path = command_line(), ["ich-node"]
    options = {"--help", *names(command)}
    may_be_value = False
    for word in arguments:
        if word.startswith("--") and word != "--":
            if word.split("=")[0] not in options:
                return Call(names=tuple(path[1:]), problem=f"{path[-1]} has no {word}")
            may_be_value = True
        elif hasattr(command, "commands"):
            if word in command.commands:
                command = command.commands[word]
                path.append(word)
                options |= names(command)
            elif not may_be_value:
                return Call(names=tuple(path[1:]), problem=f"{path[-1]} has no {word}")
            may_be_value = False
    return Call(names=tuple(path[1:]))


def names(command: Any) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
