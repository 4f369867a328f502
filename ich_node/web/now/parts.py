"""The page's parts: each a template that is rendered again by itself."""

from starlette.requests import Request

from ich_node.errors import Unavailable
from ich_node.web.now.facts import Facts
from ich_node.web.rendering import render

PARTS = (
    "clock",
    "headline",
    "troubles",
    "pauses",
    "flow",
    "services",
    "results",
    "chart",
    "hours",
    "destinations",
    "disks",
)


def rendered(request: Request, facts: Facts) -> dict[str, str]:
    """Each part, by its name."""
    return {name: _text(request, f"now/{name}.html", facts=facts) for name in PARTS}


def rendered_without_facts(request: Request, error: Unavailable) -> dict[str, str]:
    """While the ledger does not answer: only that."""
    return {"headline": _text(request, "now/unavailable.html", detail=error.detail)}


def _text(request: Request, template: str, **facts: object) -> str:
    return bytes(render(request, template, **facts).body).decode()
