"""A node that has read one series, and is stopped; a backup was made the night before."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ich_node.ledger import Instance
from ich_node.spool import Spool
from tests.support.node import opened_ledger
from tests.support.peers import free_port

CONFIG = """[scp]
bind_address = "127.0.0.1"
port = {port}
[web]
enabled = false
[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
"""
UID = "1.2.826.0.1.3680043.10.1624.21"


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder, port=free_port()), encoding="utf-8")
    now = datetime.now(UTC)
    spool = Spool(folder / "spool")
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger:
        ledger.search_keys.for_receiving(folder / "search.key", now=now)
        facts = {"folder": "/var/backups/ich-node"}
        ledger.measurements.keep("backup", facts, now=now - timedelta(hours=9))
        for number in (1, 2):
            stored = spool.put(b"slice %d" % number)
            instance = Instance(
                sop_instance_uid=f"{UID}.1.{number}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                study_instance_uid=UID,
                series_instance_uid=f"{UID}.1",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                sha256=stored.sha256,
                path=stored.path,
                size_bytes=stored.size_bytes,
                source="ct-er",
                received_at=now,
            )
            ledger.receiving.add(instance, ready_at=now, max_wait=timedelta(hours=1))
    yield path
