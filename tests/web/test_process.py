"""The site as a process of its own: what it loads, how much memory it needs, what it survives."""

import re
from pathlib import Path

import pytest

from tests.documents.states.a_busy_day import state as a_busy_day
from tests.support.proc import footprint
from tests.support.web_process import links, web_process

MOST_MEMORY_MB = 150
HEAVY = {"torch", "openvino", "skimage", "highdicom"}
MOST_PAGES = 150


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with a_busy_day(tmp_path_factory.mktemp("process")) as path:
        yield path


def test_every_page_without_torch(config):
    """Every page that a visitor finds by links, and those pages alone: small enough to stay up when
    the GPU does not.
    """
    with web_process(config, "-X", "importtime") as site, site.signed_in() as client:
        client.timeout = 60
        wanted, asked, failed = {"/"}, set(), []
        while wanted and len(asked) < MOST_PAGES:
            path = min(wanted, key=lambda each: (each.count("?"), each))
            wanted.discard(path)
            asked.add(path)
            answer = client.get(path)
            if answer.status_code >= 500:
                failed.append((path, answer.status_code))
            if answer.headers["content-type"].startswith("text/html"):
                wanted |= links(answer.text) - asked
        assert failed == []
        assert {"/", "/series", "/model", "/journal"} <= asked
        at_rest = footprint(site.process.pid)
        # pydicom loads it if it is installed, as it is beside the tests
        assert "gdcm" not in Path(f"/proc/{site.process.pid}/maps").read_text()
    imported = set(re.findall(r"^import time: .*\| +(\w+)", site.log.read_text(), re.MULTILINE))
    assert "starlette" in imported
    assert imported & HEAVY == set()
    assert at_rest.peak_mb < MOST_MEMORY_MB
