"""A node that reads and tells, with destinations of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.config.destinations import (
    DicomDestination,
    Hl7Destination,
    WebhookDestination,
)
from tests.support.analysing import AnalysingNode
from tests.support.node import open_node

DESTINATIONS = (
    DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104),
    Hl7Destination(name="ris", kind="hl7", host="127.0.0.1", port=2575),
    WebhookDestination(
        name="phone", kind="webhook", url="https://h/", secret_file="s", only_if_positive=True
    ),
)


@pytest.fixture
def calm(tmp_path: Path, calm_bundle: Path) -> Iterator[AnalysingNode]:
    """Its bundle calls nothing positive."""
    with open_node(
        tmp_path, AnalysingNode, bundle=calm_bundle, destinations=DESTINATIONS
    ) as opened:
        yield opened
