"""Views, actions and their answers.

A page module has `routes`: `looks(path, view)` for what is shown, `acts(path, name, action)` for
what is changed, `asks(path, view)` for what a form asks and nothing changes, e.g. a search whose
words must not stand in an address. Views and actions are plain functions, run beside the event
loop. An action answers with `Acted`: the browser is sent on to a page that shows the message. Every
action goes to the journal, also one that is refused. Forms send the visitor's CSRF token, in the
field `csrf` or the header X-CSRF-Token.
"""

import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ich_node.errors import IchNodeError
from ich_node.ledger.audit import DONE, REFUSED, TURNED_AWAY
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

MOST_FIELDS = 2000


@dataclass(frozen=True, kw_only=True)
class Message:
    """Shown once on the next page. name: of a macro in templates/messages.html, which gets the
    facts; "error": facts has `detail`, the sentence of an IchNodeError.
    """

    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Acted:
    """to: the page that comes next. target, study_instance_uid: what it was done to, for the
    journal: "job 7", "destination pacs".
    """

    to: str
    message: Message
    target: str
    study_instance_uid: str | None = None


View = Callable[[Request, Site], Response]
FormView = Callable[[Request, Site, FormData], Response]
Action = Callable[[Request, Site, FormData], Acted]


class FormRoute(Route):
    """Its endpoint reads the form by `form_of`, which compares the CSRF token."""


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def looks(path: str, view: View) -> Route:
    """Whoever may look sees it."""

    async def endpoint(request: Request) -> Response:
        if "\0" in unquote(str(request.url)):  # PostgreSQL has no text with it
            raise HTTPException(400, "nul")
        return await run_in_threadpool(view, request, site_of(request))

    return Route(path, endpoint, name=f"{view.__module__}.{view.__name__}", methods=["GET"])


def asks(path: str, view: FormView) -> Route:
    """Whoever may look may ask."""

    async def endpoint(request: Request) -> Response:
        async with form_of(request) as form:
            return await run_in_threadpool(view, request, site_of(request), form)

    return FormRoute(path, endpoint, name=f"{view.__module__}.{view.__name__}", methods=["POST"])


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """What a form of this site sends. Raises HTTPException if it is from elsewhere."""
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        sent = form.get("csrf") or request.headers.get("x-csrf-token", "")
        own = visitor_of(request).csrf
        if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), own.encode()):
            raise HTTPException(403, "csrf")
        yield form


def acts(path: str, name: str, action: Action) -> Route:
    """Whoever may operate can do it. name: in the journal.

    An IchNodeError of the action is shown where the form stood (its field `back`).
    """

    async def endpoint(request: Request) -> Response:
        try:
            async with form_of(request) as form:
                return await _act(request, name, action, form)
        except HTTPException as refusal:
            if refusal.status_code == 403:
                nothing = Acted(to="/", message=Message(name="error"), target="")
                await _note(request, name, nothing, outcome=TURNED_AWAY, detail=refusal.detail)
            raise

    name_of_route = f"{action.__module__}.{action.__name__}"
    return FormRoute(path, endpoint, name=name_of_route, methods=["POST"])


async def _act(request: Request, name: str, action: Action, form: FormData) -> Response:
    visitor, site = visitor_of(request), site_of(request)
    if not visitor.may_operate:
        raise HTTPException(403, "role")
    try:
        acted = await run_in_threadpool(action, request, site, form)
    except IchNodeError as error:
        back = own_path(str(form.get("back", "/")))
        acted = Acted(
            to=back, message=Message(name="error", facts={"detail": error.detail}), target=back
        )
    is_refused = acted.message.name == "error"
    detail = str(acted.message.facts.get("detail", ""))
    await _note(request, name, acted, outcome=REFUSED if is_refused else DONE, detail=detail)
    request.state.session.message = acted.message
    return RedirectResponse(acted.to, status_code=303)


async def _note(request: Request, name: str, acted: Acted, *, outcome: str, detail: str) -> None:
    """In the journal."""
    visitor, site = visitor_of(request), site_of(request)
    await run_in_threadpool(
        lambda: site.ledger.audit.record(
            at=site.clock(),
            who=visitor.who,
            address=visitor.address,
            action=name,
            target=acted.target,
            study_instance_uid=acted.study_instance_uid,
            outcome=outcome,
            detail=detail,
        )
    )


def own_path(path: str) -> str:
    """A path of this site; anything else is the first page."""
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_own and path.isprintable() else "/"
