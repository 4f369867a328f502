"""What the proofs of upgrades share."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.postgres import cluster
from tests.upgrades.versions import Version, earlier, following


@pytest.fixture(scope="session")
def code(tmp_path_factory) -> Callable[[str], Version]:
    """The version of that name: a commit, a tag, or "next"."""
    folder = tmp_path_factory.mktemp("code")
    return lambda name: following(folder) if name == "next" else earlier(name, folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Makes the URL of an empty database with each call."""
    with cluster() as server:
        yield server.new_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres")())
    return f"sqlite:///{tmp_path}/ledger.sqlite"


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Of series: none has the UIDs of another."""
    return count(1)
