"""The effective configuration, without secrets and names of persons. Names of hosts, AE titles and
paths stay: most questions are about them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ich_node.config.config import Config
from ich_node.config.origin import effective_values
from ich_node.support.support_file import SupportFile, json_part

HIDDEN = "***"
PERSONAL = {"to", "sender", "username", "operators"}
SECRET = re.compile(r"password|secret|token")  # all of them come from files; none may slip in
URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def settings_part(config: Config, path: Path | None, environment: Mapping[str, str]) -> SupportFile:
    """Each value with its origin, by section."""
    sections: dict[str, dict[str, Any]] = {}
    for value in effective_values(config, path, environment):
        number = "" if value.number is None else f" {value.number + 1}"
        section = sections.setdefault(f"{value.section}{number}", {})
        section[value.setting] = {
            "value": scrubbed(value.setting, value.value),
            "from": value.origin,
        }
    what = "settings and their origins, without secrets and persons"
    return json_part("config.json", what, sections)


def scrubbed(setting: str, value: Any) -> Any:
    """What may leave the hospital of a value. A list has as many entries as before."""
    if isinstance(value, list):
        return [scrubbed(setting, each) for each in value]
    if not isinstance(value, str):
        return value
    if setting in PERSONAL or (SECRET.search(setting) and not setting.endswith("_file")):
        return HIDDEN
    return without_secrets(value)


def without_secrets(text: str) -> str:
    """Its URLs without user, password, path and query, any of which may be a secret."""
    return URL.sub(lambda found: _public(found[0]), text)


def _public(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return url  # a file
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    has_more = parts.path.strip("/") or parts.query or parts.fragment
    return f"{place}/{HIDDEN}" if has_more else place
