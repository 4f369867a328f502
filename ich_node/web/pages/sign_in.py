"""Sign in with a name and a token, and sign out."""

import math
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ich_node.ledger.audit import SIGN_OUT
from ich_node.web.caller import MOST_NAME, WebCaller, person
from ich_node.web.cookie import cookie_header, cookie_name
from ich_node.web.entrance import SiteEntrance
from ich_node.web.errors import error_page
from ich_node.web.page import FormRoute, form_of, own_path
from ich_node.web.rendering import page
from ich_node.web.visitor import visitor_of


async def show(request: Request) -> Response:
    return _page(next=own_path(request.query_params.get("next", "/")))


async def sign_in(request: Request) -> Response:
    """Only a page of this site can send it: OwnOrigin has seen to that."""
    entrance, caller = _entrance(request), _caller(request)
    async with request.form(max_fields=10, max_files=0) as form:
        name, token, to = (str(form.get(field, "")) for field in ("name", "token", "next"))
    to, who = own_path(to), person(name)
    if wait := entrance.wait(caller):
        seconds = math.ceil(wait / timedelta(seconds=1))
        return error_page(429, "sign_in", retry_after=seconds, seconds=seconds)
    if who is None:
        return _page(next=to, wrong="name", status=422)
    cookie = await run_in_threadpool(entrance.by_token, who, token.strip(), caller)
    if cookie is None:
        return _page(next=to, name=who, wrong="token", status=403)
    answer = RedirectResponse(to, status_code=303)
    answer.headers["Set-Cookie"] = cookie_header(caller, cookie)
    return answer


async def sign_out(request: Request) -> Response:
    entrance, caller = _entrance(request), _caller(request)
    async with form_of(request):
        entrance.sessions.end(request.cookies.get(cookie_name(caller), ""))
    await run_in_threadpool(entrance.note, SIGN_OUT, visitor_of(request).who, caller)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.headers["Set-Cookie"] = cookie_header(caller, "")
    return answer


def _page(*, next: str, name: str = "", wrong: str = "", status: int = 200) -> Response:
    """wrong: the field that is."""
    text = page(
        "sign_in.html",
        next=next,
        name=name,
        wrong=wrong,
        most_name=MOST_NAME,
    )
    return HTMLResponse(text, status_code=status)


def _entrance(request: Request) -> SiteEntrance:
    entrance: SiteEntrance = request.app.state.entrance
    return entrance


def _caller(request: Request) -> WebCaller:
    caller: WebCaller = request.state.caller
    return caller


routes = [
    Route("/sign-in", show, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    FormRoute("/sign-out", sign_out, methods=["POST"]),
]
