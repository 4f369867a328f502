"""What pydantic found wrong in config.toml, as one sentence for the administrator."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from ich_node.config.config import Config
from ich_node.config.destinations import KINDS, DicomDestination
from ich_node.config.query import KINDS_OF_QUERY
from ich_node.config.rules import Rule
from ich_node.config.settings import Source

QUERY = "[sources.query]"


def sentence(mistake: Any) -> str:
    """mistake: one of ValidationError.errors() of Config."""
    location = tuple(mistake["loc"])
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if not location or message.startswith("["):  # a rule of the whole, or of a section
        return message
    owner, heading = _section_of(location)
    if mistake["type"] == "union_tag_invalid":
        kinds = KINDS_OF_QUERY if heading == QUERY else KINDS
        return f"{heading} kind: {_no_kind(str(mistake['ctx']['tag']), kinds)}"
    if mistake["type"] == "union_tag_not_found":
        return f"{heading} is a section of its own, with host and port, or kind and url"
    if heading == QUERY and location[-1] in KINDS_OF_QUERY:  # a rule of it as a whole
        return f"{heading} {message}"
    if len(location) > 1 and location[-1] in KINDS:  # a rule of a destination as a whole
        return f"{heading} {mistake['input'].get('name', '')}: {message}"
    if mistake["type"] == "extra_forbidden":
        what = "section" if owner is Config else "setting"
        return (
            f"{heading} has no {what} '{location[-1]}'; {_meant(str(location[-1]), owner, heading)}"
        )
    if mistake["type"] == "missing":
        return f"{heading} needs the setting '{location[-1]}'; {known_settings(owner)}"
    # a value within a list is named by its setting
    setting = next(part for part in reversed(location) if isinstance(part, str))
    given = "" if mistake["type"] == "value_error" else f" (got {mistake['input']!r})"
    return f"{heading} {setting}: {message}{_near_value(mistake)}{given}"


def known_settings(model: type[BaseModel]) -> str:
    return "it knows: " + ", ".join(model.model_fields)


def near(word: str, known: Iterable[str]) -> str:
    """ "did you mean 'port'?", or nothing."""
    found = get_close_matches(word, list(known), n=1)
    return f"did you mean '{found[0]}'?" if found else ""


def _meant(setting: str, owner: type[BaseModel], heading: str) -> str:
    """What the administrator probably wanted to write, and what there is."""
    lists = [name for name, model in _LISTS if setting in model.model_fields]
    suggestion = near(setting, owner.model_fields)
    if lists and not suggestion and owner is not Config and not heading.startswith("[["):
        return f"{' and '.join(lists)} have it: is that line still a comment?"
    return suggestion or known_settings(owner)


def _no_kind(given: str, kinds: Iterable[str]) -> str:
    return f"there is no kind {given!r}; {near(given, kinds) or 'there are: ' + ', '.join(kinds)}"


def _near_value(mistake: Any) -> str:
    if mistake["type"] != "literal_error":
        return ""
    words = str(mistake["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
    suggestion = near(str(mistake["input"]).lower(), words)
    return f"; {suggestion}" if suggestion else ""


_LISTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("[[sources]]", Source),
    ("[[destinations]]", DicomDestination),
)


def _section_of(location: tuple[str | int, ...]) -> tuple[type[BaseModel], str]:
    """The model of the section that contains the mistake, and its heading in config.toml."""
    lists: dict[str, tuple[type[BaseModel], str]] = {
        "sources": (Source, "[[sources]]"),
        "destinations": (DicomDestination, "[[destinations]]"),
        "rules": (Rule, "[[rules]]"),
    }
    first = str(location[0])
    if first == "sources" and "query" in location[2:]:
        return (KINDS_OF_QUERY[str(location[3])] if len(location) > 3 else Source), QUERY
    if first == "destinations" and len(location) > 2:
        return KINDS[str(location[2])], "[[destinations]]"
    if first in lists:
        return lists[first] if len(location) > 1 else (Config, "the configuration")
    field = Config.model_fields.get(first)
    if field is None or len(location) == 1 or not isinstance(field.annotation, type):
        return Config, "the configuration"
    return field.annotation, f"[{first}]"
