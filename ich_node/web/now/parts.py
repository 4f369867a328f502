"""The page's parts: each a template that is rendered again by itself."""

from ich_node.errors import Unavailable
from ich_node.web.now.facts import Facts
from ich_node.web.rendering import page
from ich_node.web.visitor import Visitor

SHARED = (
    "clock",
    "headline",
    "troubles",
    "flow",
    "services",
    "results",
    "chart",
    "hours",
    "destinations",
    "disks",
)
OF_VISITOR = ("pauses",)  # it has forms


def shared_parts(facts: Facts | Unavailable) -> dict[str, str]:
    """Those that look the same to everybody; while the ledger does not answer, only that."""
    if isinstance(facts, Unavailable):
        return {"headline": page("now/unavailable.html", detail=facts.detail)}
    return {name: page(f"now/{name}.html", facts=facts) for name in SHARED}


def parts_of(visitor: Visitor, facts: Facts | Unavailable) -> dict[str, str]:
    """The others."""
    if isinstance(facts, Unavailable):
        return {}
    return {name: page(f"now/{name}.html", visitor=visitor, facts=facts) for name in OF_VISITOR}
