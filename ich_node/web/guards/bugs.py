"""A bug in a page is logged once, and answered with a page that says so."""

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ich_node.web.errors import error_page

log = structlog.get_logger(__name__)


class Bugs:
    """The other pages go on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            return
        except Exception:
            route = scope.get("route")
            log.exception("page_failed", page=getattr(route, "path", None))
            if not has_begun:
                visitor = scope.get("state", {}).get("visitor")
                await error_page(500, visitor=visitor)(scope, receive, send)
