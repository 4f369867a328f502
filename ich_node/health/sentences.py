"""words.toml with the facts of a trouble."""

import string
import tomllib
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from typing_extensions import override

from ich_node.health.amounts import size, span
from ich_node.health.trouble import Trouble


def sentence_of(trouble: Trouble) -> str:
    """What is wrong, in one sentence."""
    words = _words()[trouble.kind]
    return _filled(words[_variant(trouble) or "sentence"], trouble)


def remedy_of(trouble: Trouble) -> str:
    """What helps."""
    words, variant = _words()[trouble.kind], _variant(trouble)
    return _filled(words[f"{variant}_remedy" if variant else "remedy"], trouble)


@cache
def _words() -> dict[str, dict[str, str]]:
    text = resources.files("ich_node.health").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _variant(trouble: Trouble) -> str | None:
    """The name of a fact for which the kind has words of its own."""
    words = _words()[trouble.kind]
    return next((name for name in trouble.facts if name in words), None)


class _Formatter(string.Formatter):
    @override
    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "span":
                return span(value)
            case "size":
                return size(value)
            case "day":
                return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d")
        return str(super().format_field(value, format_spec))


def _filled(words: str, trouble: Trouble) -> str:
    return _Formatter().format(words, **trouble.facts).replace("..", ".")
