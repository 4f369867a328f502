"""Every test of the ledger runs on SQLite and on a real PostgreSQL; what is about one of them alone
asks for its own URL.
"""

from collections.abc import Callable, Iterator

import pytest

from ich_node.ledger import Ledger, open_ledger
from tests.support.postgres import Cluster, cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


@pytest.fixture
def postgres_cluster() -> Iterator[Cluster]:
    """One that a test may stop."""
    with cluster() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/ledger.sqlite"


@pytest.fixture
def postgres_url(postgres) -> str:
    return postgres.new_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path) -> Callable[[], str]:
    """Makes the URL of another empty database with each call."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").new_url
    numbers = iter(range(1000))
    return lambda: f"sqlite:///{tmp_path}/{next(numbers)}.sqlite"


@pytest.fixture
def url(new_url) -> str:
    return new_url()


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    ledger = open_ledger(url)
    yield ledger
    ledger.dispose()
