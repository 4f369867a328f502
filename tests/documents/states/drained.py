"""A node that takes nothing new: somebody has had it drained, and all is delivered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ich_node.ledger import open_ledger
from ich_node.ledger.pauses import RECEIVING
from tests.documents.states.empty import CONFIG


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    began = datetime.now(UTC) - timedelta(minutes=5)
    ledger.pauses.pause(RECEIVING, now=began, until=None, who="root", why="drain")
    ledger.dispose()
    yield path
