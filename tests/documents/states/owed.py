"""A node whose PACS has been away: one series was delivered, two wait, one was given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ich_node.ledger import Ledger, open_ledger
from tests.support.ledger_examples import LEASE, add, claim, finish

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "10.0.0.7"
port = 11112
[[destinations]]
name = "viewer"
ae_title = "VIEWER"
host = "10.0.0.9"
port = 104
"""
AWAY = "nothing answers at 10.0.0.7:11112"
HOUR = timedelta(hours=1)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    fill(ledger, datetime.now(UTC))
    ledger.dispose()
    yield path


def fill(ledger: Ledger, now: datetime) -> None:
    for number, age in ((1, 40 * HOUR), (2, 30 * HOUR), (3, 5 * HOUR), (4, 3 * HOUR)):
        at = now - age
        add(ledger, series=f"2.25.{number}", at=at)
        job = claim(ledger, at=at + HOUR / 60)
        assert job is not None
        finish(ledger, job, at=at + HOUR / 60, destinations=("pacs",), count=2 + 2 * number)
        held = {"owner": "sender", "now": at + HOUR / 60}
        batch = ledger.delivery.claim_deliveries(**held, lease=LEASE, limit=100)
        ids = [delivery.id for delivery in batch]
        if number == 1:
            ledger.delivery.delivered(ids, **held)
        elif number == 2:
            ledger.delivery.give_up(ids, **held, detail=AWAY)
        else:
            later = now + timedelta(minutes=7, seconds=30)
            ledger.delivery.postpone(ids, **held, next_at=later, detail=AWAY)
