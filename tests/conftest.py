"""Fixtures that several files share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ich_node.config.settings import ScpSettings, SeriesSettings, Source
from ich_node.ledger import open_ledger
from ich_node.receive import Listener
from ich_node.spool import Spool
from tests.support.analysis import write_untrained_bundle
from tests.support.listening import Node, StartNode
from tests.support.standing_clock import Clock

# The same cases on every run: a red one must be red again. `pytest --hypothesis-profile=default`
# looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

LARGE_OBJECT_WAIT_SECONDS = 0.5


@pytest.fixture(scope="session")
def untrained_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls everything positive."""
    path: Path = tmp_path_factory.mktemp("bundle") / "untrained.safetensors"
    write_untrained_bundle(path)
    return path


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Starts a node on a free port; keyword arguments are [scp] settings, `sources` and `spool`
    replace those.
    """
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", busy_seconds=1)
    listeners: list[Listener] = []

    def start(
        *, sources: tuple[Source, ...] | None = None, spool: Spool | None = None, **scp: Any
    ) -> Node:
        settings = ScpSettings(**{"bind_address": "127.0.0.1", "port": 0, **scp})
        allowed = (
            (Source(name="ct", ae_title="CT1", hosts=("127.0.0.0/8",)),)
            if sources is None
            else sources
        )
        kept, clock = spool or Spool(tmp_path / "spool"), Clock()
        listener = Listener(
            scp=settings,
            sources=allowed,
            series=SeriesSettings(),
            spool=kept,
            ledger=ledger.receiving,
            clock=clock,
            large_object_wait_seconds=LARGE_OBJECT_WAIT_SECONDS,
        ).__enter__()
        listeners.append(listener)
        return Node(listener=listener, ledger=ledger, spool=kept, clock=clock)

    yield start
    for listener in listeners:
        listener.__exit__(None, None, None)
    ledger.dispose()


@pytest.fixture
def node(start_node: StartNode) -> Node:
    return start_node()
