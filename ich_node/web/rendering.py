"""Templates. All words stand in them, marked for translation (gettext): `{% trans %}` and `_()`."""

from functools import cache
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ich_node import __version__
from ich_node.commission.report import with_code
from ich_node.percent import percent_text
from ich_node.web import filters
from ich_node.web.demonstration import is_demonstration
from ich_node.web.page import Message
from ich_node.web.visitor import Visitor, visitor_of


@cache
def environment() -> jinja2.Environment:
    """Undefined names are errors, and everything is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ich_node.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # of the extension
    made.filters.update(
        percent=percent_text,
        local=filters.local,
        span=filters.span,
        size=filters.size,
        mm=filters.mm,
        uid_end=filters.uid_end,
        code=with_code,
    )
    made.globals["version"] = __version__
    return made


def render(request: Request, template: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page, or a part of one. Every template has `visitor`, `path` and `now`, too."""
    site = request.app.state.site
    text = page(
        template,
        visitor=visitor_of(request),
        path=request.url.path,
        message=_message(request),
        is_demonstration=is_demonstration(site),
        now=site.clock(),
        **facts,
    )
    return HTMLResponse(text, status_code=status)


def _message(request: Request) -> Message | None:
    """Of the last action: shown once, by the first whole page. A part of a page shows none."""
    session = request.state.session
    if "hx-request" in request.headers or session.message is None:
        return None
    message: Message = session.message
    session.message = None
    return message


def page(
    template: str,
    *,
    visitor: Visitor | None = None,
    path: str = "",
    message: Message | None = None,
    is_demonstration: bool = False,
    **facts: Any,
) -> str:
    """visitor: None: nobody is signed in, and the page has no menu."""
    return (
        environment()
        .get_template(template)
        .render(
            visitor=visitor,
            path=path,
            message=message,
            is_demonstration=is_demonstration,
            **facts,
        )
    )
