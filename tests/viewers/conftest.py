"""A browser without a window, and an Orthanc that holds the studies."""

import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import OrthancPeer, orthanc
from tests.support.viewers import ohif, studies
from tests.support.viewers.pictures import smaller

# Software rendering: the same pixels on every machine.
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, through Playwright."""
    library = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (make viewer-peers)"
    )
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (make viewer-peers)")
    with library.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    """Orthanc with its DICOMweb and, where it is installed, its web viewer."""
    folder = tmp_path_factory.mktemp("pacs") / "orthanc"
    with orthanc(folder, DefaultEncoding="Utf8", UnknownSopClassAccepted=True) as peer:
        for study in (
            studies.positive(),
            studies.enhanced(),
            studies.negative(),
            studies.refused(),
        ):
            for file in study.files():
                with urllib.request.urlopen(
                    urllib.request.Request(f"{peer.url}/instances", data=file, method="POST")
                ) as answer:
                    assert json.load(answer)["Status"] == "Success"
        yield peer


@pytest.fixture(scope="session")
def viewer(pacs: OrthancPeer) -> Iterator[str]:
    """The address of an OHIF that shows what the PACS holds."""
    with ohif.serving(pacs.url) as url:
        yield url


@pytest.fixture
def keep() -> Callable[[bytes, str], None]:
    """Keeps a screenshot for the documentation in the folder ICH_NODE_PICTURES, if it is set."""

    def keep_picture(png: bytes, name: str) -> None:
        if "ICH_NODE_PICTURES" in os.environ:
            Path(os.environ["ICH_NODE_PICTURES"], name).write_bytes(smaller(png))

    return keep_picture
