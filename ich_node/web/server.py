"""uvicorn around the application."""

import socket
import ssl
from collections.abc import Awaitable, Callable

import structlog
import uvicorn
from typing_extensions import override

from ich_node.errors import ConfigError
from ich_node.web.address import address_of
from ich_node.web.app import site_app
from ich_node.web.command import RUNNING
from ich_node.web.listener import BACKLOG, SiteSocket, listener_of
from ich_node.web.protocol import PromptProtocol
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site
from ich_node.web.tls import load_certificate, site_context
from ich_node.web.tokens import Tokens

Turn = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class SiteServer(uvicorn.Server):
    """Listens from the beginning; leaves signals to the service. ready: called when it answers.
    turn: awaited ten times a second, as long as the event loop turns.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        listener: SiteSocket,
        context: ssl.SSLContext | None,
        site: Site,
    ) -> None:
        super().__init__(config)
        self._listener, self._context, self._site = listener, context, site
        self.turn: Turn | None = None
        self.ready: Callable[[], None] = lambda: None

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve([self._listener])

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()
        log.info("site_ready", address=address_of(self._site.config().web))

    @override
    async def on_tick(self, counter: int) -> bool:
        if self.turn is not None:
            await self.turn()
        return await super().on_tick(counter)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """A stream stays open as long as its page is, so it is cut; other answers are finished."""
        RUNNING.end_all()
        for connection in list(self.server_state.connections):
            if isinstance(connection, PromptProtocol) and connection.is_stream:
                connection.transport.close()
        await super().shutdown(sockets)

    def read_again(self) -> None:
        """Certificate and tokens, whose files may have changed. A mistake changes nothing."""
        settings = self._site.config().web
        try:
            if self._context is not None:
                load_certificate(self._context, settings)
            Tokens(self._site.config).make_missing()
        except ConfigError as error:
            log.error("reload_failed", mistakes=[error.detail], action="the old ones are kept")


def server_of(site: Site, sessions: Sessions | None = None) -> SiteServer:
    """Listens, and answers when it runs. Raises ConfigError or Unavailable."""
    settings = site.config().web
    context = site_context(settings)
    app = site_app(site, sessions or Sessions())
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=32_768,
        timeout_graceful_shutdown=3,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    return SiteServer(config, listener=listener_of(settings), context=context, site=site)
