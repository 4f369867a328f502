"""Real head CT for tests, where it is at hand: ICH_NODE_REAL_DATA, or shared/real beside the
checkout.
"""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("ICH_NODE_REAL_DATA", Path(__file__).parents[3] / "shared" / "real"))


def real(*parts: str) -> Path:
    """A folder or file of the real data; skips the test where there is none."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no real data: {path} (set ICH_NODE_REAL_DATA)")
    return path
