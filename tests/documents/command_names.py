"""Whether commands that are not run would at least be understood: their names and options."""

import re
import shlex
from functools import cache
from typing import Any

import typer

from ich_node.cli import app

BEFORE = ("sudo", "do", "then")  # in front of the name of a command, as `NAME=VALUE` is


def misunderstood(text: str) -> list[str]:
    """The words after `ich-node` in commands that the command line does not have."""
    found: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not re.search(r"(^|[\s/])ich-node\s", line):
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=";|&")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";|&"):
                if command and command[0].rpartition("/")[2] == "ich-node":
                    found.extend(unknown(command[1:]))
                command = []
            elif command or not (word in BEFORE or "=" in word):
                command.append(word)
    return found


@cache
def command_line() -> Any:
    """With the commands of the other packages, which are added when they are asked for."""
    command: Any = typer.main.get_command(app)
    command.list_commands(None)
    return command


def unknown(arguments: list[str]) -> list[str]:
    """arguments: e.g. `--config my.toml jobs list --since 2h`. Values are not looked at."""
    command = command_line()
    options = {"--help", *names(command)}
    values = 0
    for word in arguments:
        if word.startswith("--") and word != "--":
            option = word.split("=")[0]
            if option not in options:
                return [f"{command.name or 'ich-node'} has no {option}"]
            values = 1  # perhaps: a value is not looked at
        elif hasattr(command, "commands"):
            if word in command.commands:
                command = command.commands[word]
                options |= names(command)
            elif not values:
                return [f"{command.name or 'ich-node'} has no {word}"]
            values = 0
    return []


def names(command: Any) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
