"""Lets only those through to a page who are signed in."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ich_node.web.caller import WebCaller
from ich_node.web.cookie import cookie_header, cookie_name
from ich_node.web.entrance import SiteEntrance
from ich_node.web.errors import error_page
from ich_node.web.guards.limits import EVENT_STREAM
from ich_node.web.guards.machines import is_for_machines
from ich_node.web.sessions import Session
from ich_node.web.visitor import Visitor

OPEN = ("/static/", "/sign-in")


class SignedIn:
    """Sets `request.state.visitor` and `.session`; sends everybody else to the sign-in page."""

    def __init__(self, app: ASGIApp, *, entrance: SiteEntrance) -> None:
        self._app, self._entrance = app, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(OPEN) or is_for_machines(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        caller: WebCaller = request.state.caller
        cookie, new = request.cookies.get(cookie_name(caller), ""), None
        session = self._entrance.session(cookie, caller)
        if session is None and caller.user is not None:
            new = await run_in_threadpool(self._entrance.by_proxy, caller)
            session = self._entrance.session(new or "", caller)
        if session is None:
            await _to_the_entrance(request)(scope, receive, send)
            return
        request.state.session = session
        request.state.visitor = Visitor(
            who=session.who,
            address=caller.address,
            role=session.role,
            csrf=session.csrf,
            sees_identifiers=self._entrance.site.config().web.identifiers and caller.is_encrypted,
        )
        await self._app(scope, receive, self._watched(send, caller, cookie, new, session))

    def _watched(
        self, send: Send, caller: WebCaller, cookie: str, new: str | None, session: Session
    ) -> Send:
        """Hands out a new cookie; ends a stream with its session."""
        is_over = False

        async def watched(message: Message) -> None:
            nonlocal is_over
            if is_over:
                return
            if message["type"] == "http.response.start" and new is not None:
                MutableHeaders(scope=message).append("Set-Cookie", cookie_header(caller, new))
            elif message.get("more_body"):
                is_over = self._entrance.session(new or cookie, caller) is not session
                if is_over:
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return watched


def _to_the_entrance(request: Request) -> Response:
    if "hx-request" in request.headers:  # the page that asks for a part of itself is loaded again
        return PlainTextResponse("", status_code=401, headers={"HX-Refresh": "true"})
    if request.method != "GET" or EVENT_STREAM in request.headers.get("accept", ""):
        return error_page(401, "session")
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = "" if wanted == "/" else f"?next={quote(wanted, safe='/')}"
    return RedirectResponse(f"/sign-in{back}", status_code=303)
