"""Only under a name that the site has, and only where nobody can read along.

A page elsewhere could give its own name our address, and then read our pages as its own (DNS
rebinding): it would come under that name.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ich_node.config.web import SiteSettings
from ich_node.web.caller import caller_of
from ich_node.web.errors import error_page
from ich_node.web.guards.machines import is_for_machines
from ich_node.web.site import Site

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.IGNORECASE)
NEAR = frozenset({"localhost", "127.0.0.1", "::1"})


class KnownHost:
    """Sets `request.state.caller`. Addresses for machines are asked under any name: a probe knows
    only the address of a container.
    """

    def __init__(self, app: ASGIApp, *, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._site.config().web
        caller = caller_of(scope, settings)
        scope.setdefault("state", {})["caller"] = caller
        if not is_for_machines(scope):
            host = Headers(scope=scope).get("host", "")
            if not is_known(host, settings, own=(scope.get("server") or ("",))[0]):
                await error_page(421, "host")(scope, receive, send)
                return
            if not (caller.is_encrypted or caller.is_near or caller.is_proxy):
                await error_page(403, "plain")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_known(host: str, settings: SiteSettings, *, own: str) -> bool:
    """host: of a request, with or without a port. own: the address that it came to."""
    parts = HOST.fullmatch(host)
    if parts is None:
        return False
    name = parts[1].strip("[]").rstrip(".").lower()
    names = {each.lower() for each in settings.hosts}
    return (
        name in NEAR | {settings.bind_address, own}
        or name in names
        or f"{parts[0].lower()}" in names
    )
