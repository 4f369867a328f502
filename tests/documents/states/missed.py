"""A node that listens, and a PACS that has more than the node got: one head is missing, one is
incomplete, one is here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from structlog.testing import capture_logs

from ich_node.config.load import load_config
from ich_node.ledger import open_ledger
from ich_node.receive import Listener
from ich_node.spool import Spool
from tests.support.peers import associated, free_port
from tests.support.query_retrieve import query_retrieve_peer, series_of

CONFIG = """[scp]
bind_address = "127.0.0.1"
port = {port}
[database]
url = "sqlite:///ledger.sqlite"
[spool]
path = "spool"
reserve_bytes = 0
[[sources]]
name = "pacs"
ae_title = "PACS"
[sources.query]
host = "127.0.0.1"
port = {pacs_port}
series_per_minute = 600
"""
HEADS = {
    1: ("Head 5.0 Hr38", 4, "20261101"),
    2: ("Kopf nativ 5 mm", 4, "20261101"),
    3: ("Head 5.0 Hr38", 4, "20261102"),
    4: ("Thorax 1.0 Br40", 2, "20261102"),
    5: ("Topogram 0.6", 1, "20261102"),
}


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    held = {
        number: series_of(number, description, count, StudyDate=day)
        for number, (description, count, day) in HEADS.items()
    }
    (folder / "missed.txt").write_text("# Sunday, 8:00 to 11:00\nA2\nA3\nA9   # of the night\n")
    path, port = folder / "config.toml", free_port()
    objects = [ds for series in held.values() for ds in series]
    with capture_logs(), query_retrieve_peer(objects, knows={"ICHNODE": port}) as peer:
        path.write_text(CONFIG.format(port=port, pacs_port=peer.port))
        config = load_config(path).config
        ledger = open_ledger(config.database.url)
        with Listener(
            scp=config.scp,
            sources=config.sources,
            series=config.series,
            spool=Spool(config.spool.path),
            ledger=ledger.receiving,
            clock=lambda: datetime.now(UTC),
        ):
            with associated(port, calling_ae="PACS") as association:
                for ds in (*held[1], *held[2][:3]):
                    assert association.send_c_store(ds).Status == 0x0000
            yield path
        ledger.dispose()
