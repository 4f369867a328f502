"""What was tried, and what came of it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any


class CheckPart(StrEnum):
    """Of the commissioning, in their order."""

    CONFIGURATION = "configuration"
    PEERS = "peers"
    PHANTOM = "phantom"
    ANSWER = "answer"
    RESULTS = "results"


class CheckOutcome(StrEnum):
    """LOOK: nothing failed, and a person should look at it."""

    PASSED = "passed"
    LOOK = "look"
    FAILED = "failed"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, kw_only=True)
class CommissioningCheck:
    """title, sentence, remedy: for people; remedy is '' where nothing needs to be done."""

    part: CheckPart
    outcome: CheckOutcome
    title: str
    sentence: str
    remedy: str = ""


def check(
    part: CheckPart, name: str, outcome: CheckOutcome, words: str = "", /, **facts: Any
) -> CommissioningCheck:
    """name: a section of words.toml; words: which of its sentences, default: that of the
    outcome.
    """
    section = _words()[name]
    key = words or outcome.value
    return CommissioningCheck(
        part=part,
        outcome=outcome,
        title=_filled(section["title"], facts),
        sentence=_filled(section[key], facts),
        remedy=_filled(section.get(f"{key}_remedy", ""), facts),
    )


def said(name: str, words: str, /, **facts: Any) -> str:
    """A sentence of words.toml that is no check."""
    return _filled(_words()[name][words], facts)


def _filled(words: str, facts: Mapping[str, Any]) -> str:
    return words.format(**facts)


@cache
def _words() -> dict[str, dict[str, str]]:
    text = resources.files("ich_node.commission").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
