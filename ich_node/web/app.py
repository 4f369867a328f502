"""The application: the pages behind their guards."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ich_node.web.guards import SignedIn
from ich_node.web.pages import ROUTES
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site


def site_app(site: Site, sessions: Sessions) -> Starlette:
    app = Starlette(
        routes=[
            *ROUTES,
            Mount("/static", StaticFiles(packages=[("ich_node.web", "static")]), name="static"),
        ],
        middleware=[Middleware(SignedIn, site=site, sessions=sessions)],
    )
    app.state.site = site
    return app
