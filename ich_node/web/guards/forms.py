"""Only forms and scripts of this site change something.

A page elsewhere can let a browser send us a form with its cookies. But the browser says from where
it comes, and that page does not know the visitor's CSRF token. page.py compares the token, when it
has read the form.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ich_node.web.caller import WebCaller
from ich_node.web.errors import error_page
from ich_node.web.guards.machines import is_for_machines

ONLY_LOOKING = frozenset({"GET", "HEAD"})


class OwnOrigin:
    """Whatever may change something comes from a page of this site."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["method"] in ONLY_LOOKING
            or is_for_machines(scope)
            or _is_own(Headers(scope=scope), scope["state"]["caller"])
        ):
            await self._app(scope, receive, send)
        else:
            await error_page(403, "origin")(scope, receive, send)


def _is_own(headers: Headers, caller: WebCaller) -> bool:
    origin, fetch_site = headers.get("origin"), headers.get("sec-fetch-site")
    if fetch_site not in (None, "same-origin"):
        return False
    if origin is None:
        return fetch_site is not None
    scheme = "https" if caller.is_encrypted else "http"
    return origin.lower() == f"{scheme}://{headers.get('host', '').lower()}"
