"""uvicorn around the application."""

import uvicorn

from ich_node.web.app import site_app
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site


def server_of(site: Site, sessions: Sessions | None = None) -> uvicorn.Server:
    """Not started yet."""
    settings = site.config().web
    return uvicorn.Server(
        uvicorn.Config(
            site_app(site, sessions or Sessions()),
            host=settings.bind_address,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
    )
