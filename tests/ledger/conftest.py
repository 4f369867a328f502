"""Every test of the ledger runs on SQLite and on a real PostgreSQL; a test about one of them asks
for its URL.

The schema is made once for each of them; a test gets a copy.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from ich_node.ledger import Ledger, open_ledger
from tests.support.postgres import Cluster, cluster

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


@pytest.fixture
def postgres_cluster() -> Iterator[Cluster]:
    """One that a test may stop."""
    with cluster() as server:
        yield server


@pytest.fixture(scope="session")
def new_ledger(request, tmp_path_factory) -> Callable[[str], str]:
    """Makes another ledger without jobs on "sqlite" or "postgresql" with each call; its URL."""
    folder, numbers = tmp_path_factory.mktemp("ledgers"), count()
    templates: dict[str, str] = {}

    def make(backend: str) -> str:
        if backend == "sqlite":
            if backend not in templates:
                templates[backend] = str(folder / "template.sqlite")
                open_ledger(f"sqlite:///{templates[backend]}").dispose()
            path = Path(folder / f"{next(numbers)}.sqlite")
            shutil.copyfile(templates[backend], path)
            return f"sqlite:///{path}"
        server: Cluster = request.getfixturevalue("postgres")
        if backend not in templates:
            url = server.new_url()
            open_ledger(url).dispose()
            templates[backend] = url.partition("@/")[2].partition("?")[0]
        return server.new_url(template=templates[backend])

    return make


@pytest.fixture
def sqlite_url(new_ledger) -> str:
    return new_ledger("sqlite")


@pytest.fixture
def postgres_url(new_ledger) -> str:
    return new_ledger("postgresql")


@pytest.fixture(params=BACKENDS)
def url(request, new_ledger) -> str:
    return new_ledger(request.param)


@pytest.fixture(params=BACKENDS)
def new_url(request, tmp_path) -> Callable[[], str]:
    """Makes the URL of another empty database with each call."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").new_url
    numbers = count()
    return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.sqlite"


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    ledger = open_ledger(url)
    yield ledger
    ledger.dispose()


@pytest.fixture
def sqlite_ledger(sqlite_url) -> Iterator[Ledger]:
    ledger = open_ledger(sqlite_url)
    yield ledger
    ledger.dispose()
