"""The application: the pages behind their guards."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from ich_node.errors import IchNodeError
from ich_node.web.entrance import SiteEntrance
from ich_node.web.errors import on_http_error, on_own_error
from ich_node.web.guards.bugs import Bugs
from ich_node.web.guards.forms import ONLY_LOOKING, OwnOrigin
from ich_node.web.guards.headers import SecurityHeaders
from ich_node.web.guards.hosts import KnownHost
from ich_node.web.guards.limits import AtOnce, BodyLimit
from ich_node.web.guards.machines import FOR_MACHINES
from ich_node.web.guards.signed_in import SignedIn
from ich_node.web.now.live import Live
from ich_node.web.page import FormRoute
from ich_node.web.pages import ROUTES, sign_in
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site
from ich_node.web.tokens import Tokens


def site_app(site: Site, sessions: Sessions) -> Starlette:
    """Raises ConfigError if a token file cannot be made or used."""
    _require_guarded_forms(ROUTES)
    tokens = Tokens(site.config)
    tokens.make_missing()
    entrance = SiteEntrance(site=site, sessions=sessions, tokens=tokens)
    app = Starlette(
        routes=[
            *ROUTES,
            *sign_in.routes,
            Mount("/static", StaticFiles(packages=[("ich_node.web", "static")]), name="static"),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Bugs),
            Middleware(AtOnce),
            Middleware(BodyLimit),
            Middleware(KnownHost, site=site),
            Middleware(OwnOrigin),
            Middleware(SignedIn, entrance=entrance),
        ],
        exception_handlers={HTTPException: on_http_error, IchNodeError: on_own_error},
    )
    app.state.site, app.state.entrance, app.state.live = site, entrance, Live(site)
    return app


def _require_guarded_forms(routes: Iterable[BaseRoute]) -> None:
    """A page that forgets to compare the CSRF token is a bug that nobody would see."""
    for route in routes:
        assert isinstance(route, Route)
        changes = (route.methods or set()) - ONLY_LOOKING
        if changes and not isinstance(route, FormRoute) and route.path not in FOR_MACHINES:
            raise TypeError(f"{route.path}: make it with acts() or asks()")
