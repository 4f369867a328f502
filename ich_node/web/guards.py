"""Lets only those through to a page who may see it."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ich_node.web.sessions import Sessions
from ich_node.web.site import Site
from ich_node.web.visitor import Visitor

COOKIE = "ich-node"
OPEN = ("/static/", "/sign-in")


class SignedIn:
    """Sets `request.state.visitor` and `.session`; sends everybody else to the sign-in page."""

    def __init__(self, app: ASGIApp, *, site: Site, sessions: Sessions) -> None:
        self._app, self._site, self._sessions = app, site, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._sessions.get(request.cookies.get(COOKIE, ""), now=self._site.clock())
        if session is None:
            answer = (
                RedirectResponse("/sign-in", status_code=303)
                if request.method == "GET"
                else PlainTextResponse("sign in first", status_code=401)
            )
            await answer(scope, receive, send)
            return
        request.state.session = session
        request.state.message, session.message = session.message, None
        request.state.visitor = Visitor(
            who=session.who,
            address=request.client.host if request.client else "",
            role=session.role,
            csrf=session.csrf,
            sees_identifiers=False,
        )
        await self._app(scope, receive, send)
