"""The status site in this process, on a free port, and browsers that are signed in to it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.spool import Spool
from ich_node.web.cookie import COOKIE
from ich_node.web.now.live import Live
from ich_node.web.server import server_of
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site
from ich_node.web.tokens import Tokens
from ich_node.web.visitor import Role
from tests.support.node import opened_ledger


@dataclass(frozen=True, kw_only=True)
class RunningSite:
    """address: http://127.0.0.1:PORT. live: who reads for the streams of the page Now."""

    site: Site
    live: Live
    sessions: Sessions
    address: str

    def cookie(self, role: Role = Role.OPERATE, who: str = "Ada") -> str:
        """Of somebody who has just signed in."""
        return self.sessions.begin(
            who=who,
            role=role,
            now=self.site.clock(),
            lasts=timedelta(hours=1),
            token=Tokens(self.site.config).fingerprint(role),
        )

    @contextmanager
    def signed_in(self, role: Role = Role.OPERATE) -> Iterator[httpx.Client]:
        """A client without JavaScript. Forms need the field csrf: see `post`."""
        with httpx.Client(
            base_url=self.address,
            cookies={COOKIE: self.cookie(role)},
            follow_redirects=True,
            timeout=60,
        ) as client:
            yield client

    def post(self, client: httpx.Client, path: str, **fields: Any) -> httpx.Response:
        """As a form of the site sends it."""
        session = self.sessions.get(client.cookies[COOKIE], now=self.site.clock())
        assert session is not None
        return client.post(
            path, data={"csrf": session.csrf, **fields}, headers={"Origin": self.address}
        )


@contextmanager
def running_site(config_path: Path, *, clock: Any = None, **settings: Any) -> Iterator[RunningSite]:
    """On the ledger and spool of a config.toml, on its port if it names one, else on a free one.
    settings: others of [web].
    """
    config = with_web(load_config(config_path).config, **settings)
    if "port" not in config.web.model_fields_set:
        config = with_web(config, port=free_port())
    with opened_ledger(config.database.url) as ledger:
        site = Site(
            config=lambda: config,
            config_path=config_path,
            ledger=ledger,
            spool=Spool(config.spool.path, reserve_bytes=config.spool.reserve_bytes),
            clock=clock or (lambda: datetime.now(UTC)),
        )
        with served(site) as running:
            yield running


@contextmanager
def served(site: Site) -> Iterator[RunningSite]:
    sessions = Sessions()
    server = server_of(site, sessions)
    thread = threading.Thread(target=server.run, name="site", daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the site did not start"
            time.sleep(0.01)
        settings = site.config().web
        scheme = "http" if settings.certificate is None else "https"
        yield RunningSite(
            site=site,
            live=server.config.app.state.live,
            sessions=sessions,
            address=f"{scheme}://127.0.0.1:{settings.port}",
        )
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        return int(mine.getsockname()[1])


def with_web(config: Config, **settings: Any) -> Config:
    """With other settings of [web]."""
    return config.model_copy(update={"web": config.web.model_copy(update=settings)})
