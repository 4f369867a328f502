"""What pydantic found wrong in config.toml, as one sentence for the administrator."""

from typing import Any

from pydantic import BaseModel

from ich_node.config.config import Config
from ich_node.config.destinations import KINDS, DicomDestination
from ich_node.config.settings import Source


def sentence(mistake: Any) -> str:
    """mistake: one of ValidationError.errors() of Config."""
    location = tuple(mistake["loc"])
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if not location:
        return message
    owner, heading = _section_of(location)
    if mistake["type"] == "union_tag_invalid":
        kinds = ", ".join(KINDS)
        return f"{heading} kind: there is no kind {mistake['ctx']['tag']!r}; there are: {kinds}"
    if len(location) > 1 and location[-1] in KINDS:  # a rule of a destination as a whole
        return f"{heading} {mistake['input'].get('name', '')}: {message}"
    if mistake["type"] == "extra_forbidden":
        what = "section" if owner is Config else "setting"
        return f"{heading} has no {what} '{location[-1]}'; {known_settings(owner)}"
    if mistake["type"] == "missing":
        return f"{heading} needs the setting '{location[-1]}'; {known_settings(owner)}"
    # a value within a list is named by its setting
    setting = next(part for part in reversed(location) if isinstance(part, str))
    return f"{heading} {setting}: {message} (got {mistake['input']!r})"


def known_settings(model: type[BaseModel]) -> str:
    return "it knows: " + ", ".join(model.model_fields)


def _section_of(location: tuple[str | int, ...]) -> tuple[type[BaseModel], str]:
    """The model of the section that contains the mistake, and its heading in config.toml."""
    lists: dict[str, tuple[type[BaseModel], str]] = {
        "sources": (Source, "[[sources]]"),
        "destinations": (DicomDestination, "[[destinations]]"),
    }
    first = str(location[0])
    if first == "destinations" and len(location) > 2:
        return KINDS[str(location[2])], "[[destinations]]"
    if first in lists:
        return lists[first] if len(location) > 1 else (Config, "the configuration")
    field = Config.model_fields.get(first)
    if field is None or len(location) == 1 or not isinstance(field.annotation, type):
        return Config, "the configuration"
    return field.annotation, f"[{first}]"
