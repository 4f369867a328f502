"""A node that runs, as in `started`, with a site that answers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from ich_node.config.load import load_config
from tests.documents.states.started import state as started
from tests.support.node import opened_ledger
from tests.support.web_process import web_process

DOWN = """[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
"""


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    with started(folder) as config:
        with config.open("a", encoding="utf-8") as file:
            file.write(DOWN)
        with opened_ledger(load_config(config).config.database.url) as ledger:
            ledger.destination_states.answered(
                "pacs", is_up=False, detail="connection refused", now=datetime.now(UTC)
            )
        with (
            web_process(config, ICHNODE__WEB__ENABLED="true") as site,
            mock.patch.dict(os.environ, {"SITE_OF_A_DOCUMENT": site.address}),
        ):
            yield config
