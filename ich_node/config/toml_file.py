"""config.toml as text: read, and where each setting stands in it."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from ich_node.config.users import me, whose
from ich_node.errors import ConfigError

HEADING = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?")
SETTING = re.compile(r"\s*([\w-]+)\s*=")


def read_toml(path: Path) -> dict[str, Any]:
    """Raises ConfigError with the line and what is probably wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise ConfigError(f"{me()} may not read {path}{whose(path)}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML:\n{explained(str(error), text)}") from error


def explained(message: str, text: str) -> str:
    """The line, and what is probably wrong in it. message: of tomllib, e.g. "Cannot overwrite a
    value (at line 48, column 21)".
    """
    lines = text.rstrip().splitlines()
    place = re.search(r"at line (\d+), column \d+", message)
    number = min(int(place[1]), len(lines)) if place else len(lines)
    line = lines[number - 1] if lines else ""
    setting, heading = SETTING.match(line), HEADING.match(line)
    if message.startswith("Cannot overwrite a value") and setting:
        return (
            f"line {number} sets {setting[1]} a second time in its section;\nis the line"
            " [[sources]] or [[destinations]] above it still a comment?"
        )
    if heading and message.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate")):
        return (
            f"line {number} begins [{heading[1]}] a second time; put its settings below the first"
        )
    if setting and message.startswith("Invalid value"):
        return f'line {number}: {message}; text stands in quotes: {setting[1]} = "..."'
    return f"line {number}: {message}"


def lines_of(text: str) -> dict[str, int]:
    """The line of each setting, by names like "scp.port" and "sources.0.name". A section written as
    an inline table has one line.
    """
    found: dict[str, int] = {}
    seen: Counter[str] = Counter()
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if heading := HEADING.match(line):
            section = heading[1]
            if line.lstrip().startswith("[["):
                seen[section] += 1
                section = f"{section}.{seen[section] - 1}"
            elif (owner := section.partition("."))[0] in seen:  # [sources.query] is of the last one
                section = f"{owner[0]}.{seen[owner[0]] - 1}.{owner[2]}"
            found.setdefault(section, number)
        elif setting := SETTING.match(line):
            found.setdefault(".".join(filter(None, (section, setting[1]))), number)
    return found
