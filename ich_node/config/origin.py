"""Every effective value, and where it came from."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ich_node.config.config import ENV_DELIMITER, ENV_PREFIX, Config
from ich_node.config.toml_file import lines_of

DEFAULT = "default"
# A password may contain what ends it elsewhere: up to the last @ of a word.
PASSWORD = re.compile(r"(?<=://)(?P<user>[^\s:/@]*):\S*@|(?P<name>password=)[^&\s]+")


@dataclass(frozen=True, kw_only=True)
class Value:
    """section: its heading, e.g. "[scp]"; number: of an entry of a list, else None. origin:
    default, a line of the file, or the name of an environment variable.
    """

    section: str
    number: int | None
    setting: str
    value: Any
    origin: str


def effective_values(
    config: Config, path: Path | None, environment: Mapping[str, str]
) -> Iterator[Value]:
    """In the order of config.toml. A password in a URL is replaced by ***."""
    lines = lines_of(path.read_text(encoding="utf-8")) if path is not None else {}
    variables = {
        name.upper().removeprefix(ENV_PREFIX).lower().replace(ENV_DELIMITER, "."): name
        for name in environment
        if name.upper().startswith(ENV_PREFIX)
    }
    for section in type(config).model_fields:
        settings = getattr(config, section)
        entries: Sequence[tuple[int | None, BaseModel]] = (
            [(None, settings)] if isinstance(settings, BaseModel) else list(enumerate(settings))
        )
        for number, entry in entries:
            place = section if number is None else f"{section}.{number}"
            yield from _of_entry(entry, section, number, (place, section), lines, variables)


def _of_entry(
    entry: BaseModel,
    section: str,
    number: int | None,
    places: tuple[str, ...],
    lines: Mapping[str, int],
    variables: Mapping[str, str],
) -> Iterator[Value]:
    """places: of the entry, and of what it is part of. Its sections, as [sources.query], follow."""
    sections: list[tuple[str, BaseModel]] = []
    for setting in type(entry).model_fields:
        value = getattr(entry, setting)
        if isinstance(value, BaseModel):
            sections.append((setting, value))
            continue
        names = (f"{places[0]}.{setting}", *places)
        is_in_list = number is not None and "." not in section
        yield Value(
            section=f"[[{section}]]" if is_in_list else f"[{section}]",
            number=number,
            setting=setting,
            value=_plain(value),
            origin=_origin(names, setting in entry.model_fields_set, lines, variables),
        )
    for setting, part in sections:
        within = (f"{places[0]}.{setting}", *places)
        yield from _of_entry(part, f"{section}.{setting}", number, within, lines, variables)


def _origin(
    names: Sequence[str], is_set: bool, lines: Mapping[str, int], variables: Mapping[str, str]
) -> str:
    """names: of the setting, and of what it is part of, the nearest first."""
    if not is_set:
        return DEFAULT
    for name in names:
        if name in variables:
            return variables[name]
    return next((f"line {lines[name]}" for name in names if name in lines), "config.toml")


def _plain(value: Any) -> Any:
    """As JSON and TOML have it; JSON has no infinity, which as a text is understood by both."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return without_passwords(str(value))


def without_passwords(text: str) -> str:
    """Of the URLs in it; also in a sentence."""
    return PASSWORD.sub(_hidden, text) if "://" in text else text


def _hidden(found: re.Match[str]) -> str:
    return f"{found['name']}***" if found["name"] else f"{found['user']}:***@"
