"""Nodes on SQLite and on a real PostgreSQL. A node that is filled, and its backup, are made once
for all tests that only need them; each test gets a copy.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.ledger.conftest import new_ledger as new_ledger
from tests.ledger.conftest import postgres as postgres
from tests.support.backed_up import BackedUpNode

BACKENDS = ["sqlite", "postgresql"]
SQLITE = "sqlite:///ledger.sqlite"
NewNode = Callable[..., BackedUpNode]


@pytest.fixture
def new_node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewNode]:
    """Makes an installation without a ledger with each call."""
    numbers, made = count(), []

    def make(backend: str = "sqlite") -> BackedUpNode:
        url = SQLITE if backend == "sqlite" else request.getfixturevalue("postgres").new_url()
        made.append(BackedUpNode(folder=tmp_path / f"node{next(numbers)}", url=url))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def filled(new_node: NewNode, new_ledger: Callable[[str], str]) -> NewNode:
    """Makes an installation with something to lose; empty: with a ledger without jobs."""

    def make(backend: str = "sqlite", *, bundle: bytes = b"", empty: bool = False) -> BackedUpNode:
        node = new_node(backend)
        if backend == "sqlite":
            shutil.copyfile(Path(new_ledger(backend).removeprefix("sqlite:///")), node.file)
        else:
            node.use(new_ledger(backend))
        if not empty:
            node.fill(bundle)
        return node

    return make


@pytest.fixture(scope="session")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `node`, which is filled, and `backups`, which has one of it."""
    folder = tmp_path_factory.mktemp("backed_up")
    node = BackedUpNode(folder=folder / "node", url=SQLITE)
    node.fill()
    node.back_up(folder / "backups")
    node.close()
    return folder


@pytest.fixture
def node(backed_up: Path, tmp_path: Path) -> Iterator[BackedUpNode]:
    """It is filled, and has one backup in `backups`."""
    shutil.copytree(backed_up / "backups", tmp_path / "backups")
    shutil.copytree(backed_up / "node", tmp_path / "node")
    copy = BackedUpNode(folder=tmp_path / "node", url=SQLITE)
    yield copy
    copy.close()


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"
