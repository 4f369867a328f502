"""A node in the afternoon: nine series from two sources, in all states. The archive has been down
for an hour.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ich_node.answer import Answer
from ich_node.ledger import Instance, Job, Ledger, Result, SearchKey, SearchTerms
from tests.support.node import opened_ledger

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
[[sources]]
name = "ct-er"
ae_title = "CT_ER"
[[sources]]
name = "ct-ward"
ae_title = "CT_WARD"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = 2575
"""
ROOT = "1.2.826.0.1.3680043.10.1624.20"
CT, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.34"
MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=2)


@dataclass(kw_only=True)
class Day:
    """Series arrive one after the other; each is numbered, as its job is."""

    ledger: Ledger
    key: SearchKey
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 0

    def arrives(
        self,
        minutes_ago: float,
        *,
        accession: str,
        patient: str,
        source: str = "ct-er",
        description: str = "HEAD 5.0 H31s",
        wait: timedelta = timedelta(),
        urgent: bool = False,
    ) -> datetime:
        """Ten slices; when they did."""
        self.count += 1
        at = self.now - minutes_ago * MINUTE
        terms = SearchTerms(
            accession_hmac=self.key.accession(accession),
            patient_hmac=self.key.patient(patient),
            series_description=description,
            modality="CT",
        )
        for number in range(1, 11):
            sha256 = f"{1000 * self.count + number:064x}"
            instance = Instance(
                sop_instance_uid=f"{ROOT}.{accession[-4:]}.{70_000 + self.count}.{number}",
                sop_class_uid=CT,
                study_instance_uid=f"{ROOT}.{accession[-4:]}",
                series_instance_uid=f"{ROOT}.{accession[-4:]}.{70_000 + self.count}",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                sha256=sha256,
                path=f"objects/{sha256[:2]}/{sha256}.dcm",
                size_bytes=525_000,
                source=source,
                received_at=at,
            )
            self.ledger.receiving.add(
                instance,
                ready_at=at + wait,
                max_wait=timedelta(hours=1),
                urgent=urgent,
                terms=lambda: terms,
            )
        return at

    def claimed(self, at: datetime) -> Job:
        job = self.ledger.reading.claim(
            owner="node:1", now=at + MINUTE / 60, lease=LEASE, max_attempts=1
        )
        assert job is not None
        assert job.id == self.count
        return job

    def read(self, at: datetime, answer: Answer, score: float, detail: str = "") -> Job:
        """The SR and two overlays go to the archive, the message to the RIS."""
        job = self.claimed(at)
        kinds = {"sr": SR, "overlay": "1.2.840.10008.5.1.4.1.1.7", "notification": ""}
        self.ledger.reading.finish(
            job,
            now=at + MINUTE / 10,
            answer=answer,
            series_probability=score,
            bundle_sha256="b" * 64,
            results=[
                Result(
                    sop_instance_uid=f"2.25.{job.id}{number}",
                    sop_class_uid=sop_class,
                    kind=kind,
                    path=f"objects/00/{job.id:060x}{number:04x}.dcm",
                    sha256=f"{job.id:060x}{number:04x}",
                    size_bytes=100_000,
                )
                for number, (kind, sop_class) in enumerate(kinds.items())
            ],
            destinations=("pacs",),
            notify=("ris",),
            detail=detail,
        )
        return job

    def sent(self, at: datetime, *, down: str = "") -> None:
        """All results are delivered, except to the destination that is down."""
        at += MINUTE / 5
        claim: dict[str, Any] = {"owner": "node:2", "now": at, "lease": LEASE, "limit": 100}
        while claimed := self.ledger.delivery.claim_deliveries(**claim):
            ids = [delivery.id for delivery in claimed]
            if claimed[0].destination == down:
                detail, next_at = "connection refused", self.now + MINUTE
                self.ledger.delivery.postpone(
                    ids, owner="node:2", now=at, next_at=next_at, detail=detail
                )
            else:
                self.ledger.delivery.delivered(ids, owner="node:2", now=at)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger:
        installed_at = datetime.now(UTC) - timedelta(days=2)
        key = ledger.search_keys.for_receiving(folder / "search.key", now=installed_at)
        the_day(Day(ledger=ledger, key=key))
    yield path


def the_day(day: Day) -> None:
    reading = day.ledger.reading
    at = day.arrives(60 * 30, accession="ACC-1001", patient="P-81", source="ct-ward")
    day.read(at, Answer.ABSENT, 0.08)
    day.sent(at)
    at = day.arrives(290, accession="ACC-1002", patient="P-82")
    day.read(at, Answer.PRESENT, 0.9731)
    day.sent(at)
    at = day.arrives(240, accession="ACC-1003", patient="P-83", description="HEAD 1.0 H70h")
    job = day.claimed(at)
    reading.refuse(job, now=at + MINUTE / 10, reason="bone_kernel", detail="kernel H70h")
    at = day.arrives(239, accession="ACC-1003", patient="P-83")
    day.read(at, Answer.ABSENT, 0.12)
    day.sent(at)
    at = day.arrives(150, accession="ACC-1004", patient="P-84", source="ct-ward")
    hole = "a hole (from 20.0 to 60.0 mm; Instance Numbers 4, 12)"
    day.read(at, Answer.UNDETERMINED, 0.2, detail=hole)
    day.sent(at)
    at = day.arrives(100, accession="ACC-1005", patient="P-85", source="ct-ward")
    job = day.claimed(at)
    words = "the analyser crashed on every attempt"
    reading.fail(job, now=at + MINUTE / 10, reason="crashed", detail=words, retry_at=None)
    at = day.arrives(45, accession="ACC-1006", patient="P-82", urgent=True)
    day.read(at, Answer.PRESENT, 0.9985)
    day.sent(at, down="pacs")
    at = day.arrives(30, accession="ACC-1007", patient="P-87", source="ct-ward")
    job = day.claimed(at)
    reading.hold(
        job,
        now=at + MINUTE / 10,
        until=day.now + 30 * MINUTE,
        rule="outside studies",
        detail="ct-ward, no order",
    )
    day.arrives(0.5, accession="ACC-1008", patient="P-88", wait=10 * MINUTE)
