"""One file of the bundle."""

import json
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SupportFile:
    """what: says in a few words what is in it."""

    name: str
    what: str
    text: str


def json_part(name: str, what: str, document: Any) -> SupportFile:
    text = json.dumps(document, indent=2, ensure_ascii=False, default=_plain)
    return SupportFile(name=name, what=what, text=f"{without_home(text)}\n")


def without_home(text: str) -> str:
    """The home folder, whose name is a person's, is "~"."""
    home = str(Path.home())
    return text.replace(f"{home}/", "~/") if len(home) > 1 else text


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
