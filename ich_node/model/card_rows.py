"""Cards as rows of text, so that two can be laid side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ich_node.model.bundle_header import REVISIONS, BundleHeader

# They say nothing about the model.
LEFT_OUT = ("self_check_peaks", "format_version")


@dataclass(frozen=True, kw_only=True)
class CardRow:
    """name: dotted, as operating_point.threshold. left, right: JSON, or the text itself."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def side_by_side(a: BundleHeader, b: BundleHeader) -> list[CardRow]:
    """What each card states; empty where it states nothing."""
    left, right = card_facts(a), card_facts(b)
    return [
        CardRow(name=name, left=left.get(name, ""), right=right.get(name, ""))
        for name in dict.fromkeys([*left, *right])
    ]


def detail_rows(header: BundleHeader) -> list[tuple[str, str]]:
    """What the card says about where the weights come from, beside their source; without the
    revisions.
    """
    details = header.card.get("provenance", {}).get("details", {})
    measured = {name: each for name, each in details.items() if name != REVISIONS}
    return list(_flat(measured)) if measured else []


def card_facts(header: BundleHeader) -> dict[str, str]:
    """By their dotted names."""
    card = {name: value for name, value in header.card.items() if name not in LEFT_OUT}
    return dict(_flat(card | {"sha256": header.sha256[:16], "weights": header.weights}))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _flat(below, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}.{index}")
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
