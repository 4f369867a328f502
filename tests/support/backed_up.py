"""A node with something to lose: series that were read, are being read and still arrive, results
that are owed, a bundle, keys.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.backup.folder import reading
from ich_node.backup.make import Made, Node, make_backup
from ich_node.backup.plan import Plan, plan_restore
from ich_node.backup.restore import Restored, restore
from ich_node.config.load import load_config
from ich_node.ledger import Instance, Job, Ledger, open_ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.spool_needs import Needs
from ich_node.ledger.whole_ledger import VERSION_TABLE, tables_in
from ich_node.model.bundle_file import keep_bundle
from ich_node.spool import Spool
from tests.support.ledger_examples import LEASE, MAX_WAIT, QUIET, T0, instance, results

CONFIG = """
[database]
url = "{url}"
[spool]
path = "spool"
reserve_bytes = 0
[[sources]]
name = "ct"
ae_title = "CT"
[sources.query]
host = "127.0.0.1"
port = 104
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
[[destinations]]
name = "board"
kind = "webhook"
url = "https://board.example/ich"
secret_file = "board.secret"
"""
SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
RECORD = "commissioning/20260101-000000-abcd.html"
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def nothing(*_: object) -> None:
    """No progress is shown."""


@dataclass(kw_only=True)
class BackedUpNode:
    """An installation in a folder of its own. url: of its ledger."""

    folder: Path
    url: str

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.use(self.url)

    def use(self, url: str) -> None:
        """Before anything is opened."""
        self.url = url
        self.config_path.write_text(CONFIG.format(url=url))

    @property
    def config_path(self) -> Path:
        return self.folder / "config.toml"

    @property
    def file(self) -> Path:
        """The ledger on SQLite."""
        return self.folder / "ledger.sqlite"

    @cached_property
    def node(self) -> Node:
        return Node(
            config=load_config(self.config_path).config,
            config_path=self.config_path,
            environment=(),
            host=f"host of {self.folder.name}",
        )

    @cached_property
    def spool(self) -> Spool:
        return Spool(self.node.config.spool.path)

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.node.config.database.url)

    def close(self) -> None:
        """Of the ledger; it may be opened again."""
        if "ledger" in self.__dict__:
            self.__dict__.pop("ledger").dispose()

    def receive(self, number: int, *, series: str = "2.25.1") -> Instance:
        """An object, as the listener stores it: durable, then in the ledger."""
        stored = self.spool.put(hashlib.sha256(f"{series}.{number}".encode()).digest() * 20)
        one = replace(
            instance(number, series=series),
            sha256=stored.sha256,
            path=stored.path,
            size_bytes=stored.size_bytes,
        )
        self.ledger.receiving.add(one, ready_at=T0 + QUIET, max_wait=MAX_WAIT, urgent=False)
        return one

    def read(self, *, destinations: Sequence[str] = ("pacs", "board")) -> Job:
        """The next series is read; its result is owed."""
        job = self.claim()
        stored = self.spool.put(f"the result of {job.series_instance_uid}".encode())
        result = replace(
            results(job, 1)[0], path=stored.path, sha256=stored.sha256, size_bytes=stored.size_bytes
        )
        self.ledger.reading.finish(
            job,
            now=T0 + QUIET,
            answer=Answer.PRESENT,
            series_probability=0.875,
            bundle_sha256="b" * 64,
            results=[result],
            destinations=destinations,
        )
        return job

    def objects(self, job_id: int) -> list[Instance]:
        """Of a job."""
        (job,) = (each for each in self.ledger.operator.list() if each.id == job_id)
        return self.ledger.operator.instances(job)

    def claim(self) -> Job:
        job = self.ledger.reading.claim(owner="gone:1", now=T0 + QUIET, lease=LEASE, max_attempts=3)
        assert job is not None
        return job

    def fill(self, bundle: bytes = b"") -> None:
        """One series delivered to pacs and owed to the board, one that is being read, one that
        still arrives; a bundle that is active, and the services alive.
        """
        (self.folder / "board.secret").write_bytes(SECRET)
        (self.folder / "board.secret").chmod(0o600)
        self.ledger.search_keys.for_receiving(self.node.config.database.search_key, now=T0)
        for series in ("2.25.1", "2.25.2", "2.25.3"):
            for number in (1, 2):
                self.receive(number, series=series)
        record = self.node.config.spool.path / RECORD
        record.parent.mkdir()
        record.write_text("<p>passed")
        os.utime(record, (T0.timestamp(), T0.timestamp()))
        self.read()
        self.claim()
        sent = self.ledger.delivery.claim_deliveries(
            owner="gone:2", now=T0 + QUIET, lease=LEASE, limit=5, priorities={"pacs": 1}
        )
        assert [each.destination for each in sent] == ["pacs"]
        if bundle:
            kept = keep_bundle(bundle, self.node.config.spool.path / "bundles")
            self.ledger.activations.activate_bundle(
                path=str(kept), sha256=kept.stem, name="ours", who="it", why="", now=T0
            )
        self.ledger.heartbeats.beat(
            Heartbeat(
                host="gone",
                service="analyse",
                pid=1,
                version="0",
                started_at=T0,
                beat_at=T0,
                is_ready=True,
                facts={"engine": "torch"},
            )
        )

    def back_up(
        self, to: Path, *, keep: int = 7, with_secrets: bool = True, at: datetime = NOON, **other
    ) -> Made:
        times = {"clock": lambda: at, "measured": nothing, "progress": nothing, **other}
        return make_backup(to, self.node, keep=keep, with_secrets=with_secrets, **times)

    def plan(self, backups: Path, *, name=None, may_replace=False, may_be_incomplete=False) -> Plan:
        with reading(backups) as folder:
            return plan_restore(
                folder,
                self.node,
                name=name,
                now=NOON,
                may_replace=may_replace,
                may_be_incomplete=may_be_incomplete,
            )

    def restore(
        self, backups: Path, *, is_paused=False, may_be_incomplete=False, now=None, **other
    ) -> Restored:
        with reading(backups) as folder:
            return restore(
                folder,
                self.plan(backups, may_be_incomplete=may_be_incomplete, **other),
                self.node,
                is_paused=is_paused,
                may_be_incomplete=may_be_incomplete,
                who="admin",
                clock=lambda: now or NOON + timedelta(hours=1),
                progress=nothing,
            )

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All of the ledger, whatever the database."""
        with self.ledger.database.read() as connection:
            tables = tables_in(connection).tables.values()
            return {
                table.name: sorted(
                    (tuple(map(_plain, row)) for row in connection.execute(sa.select(table))),
                    key=repr,
                )
                for table in tables
                if table.name != VERSION_TABLE
            }

    def lacks(self) -> list[str]:
        """The objects that the ledger needs, and the spool has not, or with other bytes."""
        with self.ledger.database.read() as connection:
            needed = list(Needs(connection).all())
        assert needed
        return [
            path
            for path, _ in needed
            if not self.spool.absolute(path).exists()
            or hashlib.sha256(self.spool.read(path)).hexdigest() != Path(path).stem
        ]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return repr(sorted(value.items())) if isinstance(value, dict) else value


def damage(path: Path) -> None:
    """One other byte, in place; the size stays."""
    with path.open("r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))
