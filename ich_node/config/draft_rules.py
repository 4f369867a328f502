"""[[rules]] that somebody writes and tries before they stand in config.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ich_node.config.between_sections import rules_name_sources
from ich_node.config.mistakes import near, sentence
from ich_node.config.rules import Rule
from ich_node.config.settings import Source
from ich_node.config.toml_file import HEADING, explained, lines_of
from ich_node.errors import ConfigError

RULES = "[[rules]]"
LONGEST = 4000


def draft_rules(text: str, sources: Sequence[Source]) -> tuple[Rule, ...]:
    """As config.toml has them; the heading of a single one may be left out. sources: that a rule
    may name. Raises ConfigError, which names the line of each mistake.
    """
    if not text.strip():
        raise ConfigError("write a rule: a name, an action, and at least one condition")
    if len(text) > LONGEST:
        raise ConfigError(f"a draft has at most {LONGEST} characters; this one has {len(text)}")
    entries, lines = _entries(text)
    rules: list[Rule] = []
    mistakes: list[str] = []
    for number, entry in enumerate(entries):
        try:
            rule = Rule.model_validate(entry)
        except ValidationError as error:
            mistakes += [
                f"line {_line(number, mistake['loc'], lines)}: "
                + sentence({**mistake, "loc": ("rules", number, *mistake["loc"])})
                for mistake in error.errors()
            ]
            continue
        place = _line(number, (), lines)
        if rule.name in [each.name for each in rules]:
            mistakes.append(f"line {place}: {RULES} uses the name {rule.name} more than once")
        mistakes += [f"line {place}: {each}" for each in rules_name_sources([rule], sources)]
        rules.append(rule)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return tuple(rules)


def _entries(text: str) -> tuple[list[Any], Mapping[str, int]]:
    """The tables of the rules, and the lines of their settings: "rules.0.name"."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(explained(str(error), text)) from error
    lines = lines_of(text)
    if not any(HEADING.match(line) for line in text.splitlines()):
        return [found], {f"rules.0.{name}": line for name, line in lines.items()}
    for name in found:
        if name != "rules":
            hint = near(name, ["rules"]) or f"a draft has nothing but {RULES}"
            line = lines.get(name) or lines.get(f"{name}.0", 1)
            raise ConfigError(f"line {line}: there is no '{name}' here; {hint}")
    if not isinstance(found["rules"], list):
        raise ConfigError(f"line {lines.get('rules', 1)}: write {RULES}, in two brackets")
    return found["rules"], lines


def _line(number: int, location: Sequence[int | str], lines: Mapping[str, int]) -> int:
    """Of the setting, or of the heading."""
    names = [f"rules.{number}.{part}" for part in location if isinstance(part, str)]
    return next((lines[name] for name in (*names, f"rules.{number}") if name in lines), 1)
