"""One node and one browser for the pages; tests that change something have a site of their own."""

import shutil

import pytest

from tests.documents.states.a_busy_day import state as a_busy_day
from tests.documents.states.site_rules import state as site_rules
from tests.support.browser import chromium
from tests.support.site import running_site


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def busy_site(tmp_path_factory):
    """Nine series in all states. For tests that only look."""
    with (
        a_busy_day(tmp_path_factory.mktemp("busy")) as config,
        running_site(config) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def busy_folder(tmp_path_factory):
    """What a busy day leaves, to be copied."""
    folder = tmp_path_factory.mktemp("busy_folder")
    with a_busy_day(folder):
        return folder


@pytest.fixture
def fresh_site(busy_folder, tmp_path):
    """The same nine series, for a test that changes something."""
    shutil.copytree(busy_folder, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(str(busy_folder), str(tmp_path)), encoding="utf-8")
    with running_site(config) as site:
        yield site


@pytest.fixture(scope="session")
def ruled_site(tmp_path_factory):
    """With rules, and the files of two series: job 1 is held, job 2 refused. For tests that only
    look.
    """
    with (
        site_rules(tmp_path_factory.mktemp("ruled")) as config,
        running_site(config) as site,
    ):
        yield site
