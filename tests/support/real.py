"""Real head CT for tests, where it is at hand: ICH_NODE_REAL_DATA, or shared/real beside the
checkout.
"""

import os
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

FOLDER = Path(os.environ.get("ICH_NODE_REAL_DATA", Path(__file__).parents[3] / "shared" / "real"))


def real(*parts: str) -> Path:
    """A folder or file of the real data; skips the test where there is none."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no real data: {path} (set ICH_NODE_REAL_DATA)")
    return path


def real_series(folder: str) -> list[Dataset]:
    """The objects of a series, without its description: that of thin/cq500-0 names an injection,
    its vessels show it, and so it would be refused.
    """
    datasets = [pydicom.dcmread(path) for path in sorted(real(folder).iterdir())]
    for dataset in datasets:
        dataset.pop("SeriesDescription", None)
    return datasets
