"""The tools that check DICOM from outside, real series, and the results that most tests look at."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from ich_node.report import ResultObject
from tests.support import REPOSITORY
from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    positive_reading,
    report,
)

REAL = Path(os.environ.get("ICH_NODE_REAL_DATA", REPOSITORY.parent / "shared" / "real"))


@pytest.fixture
def need() -> Callable[[str], str]:
    """The path of a tool; without it the test skips, except in CI, where an absent peer is a
    failure.
    """

    def path_of(tool: str) -> str:
        path = shutil.which(tool, path="/usr/bin") or shutil.which(tool)
        if path is None:
            reason = f"{tool} is not installed: `make peers` installs it on Debian"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return path_of


@pytest.fixture
def real_series() -> Callable[[str], list[Dataset]]:
    """The datasets of one real series, which the project itself does not hold."""

    def datasets_of(name: str) -> list[Dataset]:
        if not (REAL / name).is_dir():
            pytest.skip(f"no real data at {REAL / name}")
        return [pydicom.dcmread(path) for path in sorted((REAL / name).iterdir())]

    return datasets_of


@pytest.fixture(scope="session")
def positive() -> list[ResultObject]:
    """SR and three overlays."""
    source = make_source()
    return report(source, positive_reading(source))


@pytest.fixture(scope="session")
def negative() -> list[ResultObject]:
    """The SR alone."""
    source = make_source()
    return report(source, negative_reading(source))
