import pytest

from ich_node.jobs import open_ledger


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.sqlite"


@pytest.fixture
def jobs(url):
    ledger = open_ledger(url)
    yield ledger
    ledger.dispose()
