"""Answers to requests that cannot be fulfilled: pages with the words of templates/error.html."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ich_node.errors import IchNodeError, Unavailable
from ich_node.web.rendering import page
from ich_node.web.visitor import Visitor


def error_page(
    status: int,
    reason: str = "",
    *,
    visitor: Visitor | None = None,
    retry_after: int | None = None,
    path: str = "",
    **facts: object,
) -> Response:
    """reason: which of the sentences for this status; facts: what they name. visitor: who is signed
    in; the page then has the menu.
    """
    text = page(
        "error.html",
        visitor=visitor,
        path=path,
        status=status,
        reason=reason,
        facts=facts,
    )
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return HTMLResponse(text, status_code=status, headers=headers)


def on_http_error(request: Request, error: Exception) -> Response:
    """Of starlette, and of our pages: HTTPException(404) and the like."""
    assert isinstance(error, HTTPException)
    return error_page(
        error.status_code, error.detail, visitor=_visitor(request), path=request.url.path
    )


def on_own_error(request: Request, error: Exception) -> Response:
    """An error that this node explains in a sentence."""
    assert isinstance(error, IchNodeError)
    return error_page(
        503 if isinstance(error, Unavailable) else 409,
        "sentence",
        visitor=_visitor(request),
        path=request.url.path,
        detail=error.detail,
    )


def _visitor(request: Request) -> Visitor | None:
    return getattr(request.state, "visitor", None)
