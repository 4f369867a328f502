"""The rules that ship with the node (rules.toml): which words of a header decide what."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TABLES = Path(__file__).with_name("rules.toml")
DERIVED_IMAGE, PAGE_OF_TEXT = "derived-image", "page-of-text"
BONE_KERNEL, BONE_DESCRIPTION = "bone-kernel", "bone-description"
OTHER_BODY_PART, CONTRAST_WORDS = "other-body-part", "contrast-words"


@dataclass(frozen=True, kw_only=True)
class ShippedRule:
    """refuses: the reason code. looks_at: keywords. words: tables by what they mean, each with
    phrases by language; values: of an attribute; codes: of kernels.
    """

    name: str
    refuses: str
    looks_at: tuple[str, ...]
    says: str
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)


def _shipped() -> dict[str, ShippedRule]:
    tables = tomllib.loads(TABLES.read_text(encoding="utf-8"))["rules"]
    rules = [
        ShippedRule(
            **{**table, "looks_at": (*table["looks_at"],), "values": (*table.get("values", ()),)}
        )
        for table in tables
    ]
    return {rule.name: rule for rule in rules}


SHIPPED = _shipped()
ALL_SHIPPED = frozenset(SHIPPED)
NONE: frozenset[str] = frozenset()
