"""The node that these files maintain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.maintaining import MaintainedNode
from tests.support.node import open_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MaintainedNode]:
    with open_node(tmp_path, MaintainedNode) as opened:
        yield opened
