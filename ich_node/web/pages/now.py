"""Now: what the node does, and what needs a hand first."""

from starlette.requests import Request
from starlette.responses import Response

from ich_node.web.page import looks
from ich_node.web.rendering import render
from ich_node.web.site import Site


def show(request: Request, site: Site) -> Response:
    return render(request, "now.html", newest=site.ledger.operator.list(limit=10))


routes = [looks("/", show)]
