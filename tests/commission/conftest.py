"""A configuration with a PACS, and a phantom that is made quickly."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ich_node import __version__
from ich_node.commission import phantom
from ich_node.health.services import SERVICES
from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.phantom import make_study
from tests.support.node import opened_ledger
from tests.support.peers import free_port

CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {own_port}
[[sources]]
name = "pacs"
ae_title = "PACS"
hosts = {hosts}
{query}
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {port}
[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[web]
enabled = false
{more}
"""
Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """port: of the PACS; own_port: of this node."""

    def write(
        port: int,
        *,
        own_port: int | None = None,
        hosts: str = '["127.0.0.1"]',
        query_port: int | None = None,
        more: str = "",
    ) -> Path:
        query = f'[sources.query]\nhost = "127.0.0.1"\nport = {query_port}' if query_port else ""
        path = tmp_path / "config.toml"
        path.write_text(
            CONFIG.format(
                folder=tmp_path,
                port=port,
                own_port=own_port or free_port(),
                hosts=hosts,
                query=query,
                more=more,
            )
        )
        return path

    return write


@pytest.fixture
def ledger_with_services(tmp_path: Path) -> Iterator[Ledger]:
    """As if all services of the configuration ran."""
    now = datetime.now(UTC)
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        for pid, service in enumerate(SERVICES):
            ledger.heartbeats.beat(
                Heartbeat(
                    host="here",
                    service=service,
                    pid=pid,
                    version=__version__,
                    started_at=now,
                    beat_at=now,
                    is_ready=True,
                )
            )
        yield ledger


@pytest.fixture
def small_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and small slices."""
    monkeypatch.setattr(phantom, "make_study", partial(make_study, rows=128, slice_mm=20.0))
