"""Every effective value as people may see it who are not on the machine: no secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ich_node.config.config import Config
from ich_node.config.destinations import StowDestination
from ich_node.config.origin import Value, effective_values

HIDDEN = "***"


def shown_values(
    config: Config, path: Path | None, environment: Mapping[str, str]
) -> Iterator[Value]:
    """As `config show` prints them, but of a URL whose path may hold a key only the beginning:
    webhooks and heartbeats are addressed so.
    """
    for value in effective_values(config, path, environment):
        yield replace(value, value=_shown(value, config))


def _shown(value: Value, config: Config) -> Any:
    if not isinstance(value.value, str) or not value.value.startswith(("http://", "https://")):
        return value.value
    parts = urlsplit(value.value)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if not _is_service(value, config):
        return address if parts.path in ("", "/") and not parts.query else f"{address}/{HIDDEN}"
    return f"{address}{parts.path}" + (f"?{HIDDEN}" if parts.query else "")


def _is_service(value: Value, config: Config) -> bool:
    """The URL of a DICOMweb service: its path is the same for everybody."""
    if value.section == "[[destinations]]" and value.number is not None:
        return isinstance(config.destinations[value.number], StowDestination)
    return value.section == "[sources.query]"
