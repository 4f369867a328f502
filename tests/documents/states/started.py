"""A node that runs: its site has made tokens, its services have a heartbeat. Its PACS is down."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ich_node.config.load import load_config
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.web.tokens import Tokens
from tests.documents.states.empty import CONFIG
from tests.support.node import opened_ledger

FACTS = {
    "receive": {"is_accepting": True},
    "analyse": {"bundle": "tissue-demonstration", "engine": "openvino"},
    "send": {"destinations": 1},
}


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    config = load_config(path).config
    Tokens(lambda: config).make_missing()
    now = datetime.now(UTC)
    beat_at = now + timedelta(minutes=10)  # on a busy machine the commands come late
    with opened_ledger(config.database.url) as ledger:
        for number, (service, facts) in enumerate(FACTS.items(), start=4710):
            ledger.heartbeats.beat(
                Heartbeat(
                    host=socket.gethostname(),
                    service=service,
                    pid=number,
                    version="0.1.0",
                    started_at=now,
                    beat_at=beat_at,
                    is_ready=True,
                    facts=facts,
                )
            )
    yield path
