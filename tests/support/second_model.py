"""A node with answers of two models, as rows of its ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import TABLE, Ledger, Verdict
from ich_node.ledger.tables import jobs
from ich_node.model.bundle_file import read_header
from tests.support.ledger_examples import LEASE, QUIET, add, claim
from tests.support.node import opened_ledger
from tests.support.untrained_bundle import write_untrained_bundle

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[bundle]
path = "{folder}/ward.safetensors"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 11113
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = 2575
"""
THRESHOLD = 0.5
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class TwoModels:
    """ward: the active one; new: the other one. first_at: when the first series arrived."""

    folder: Path
    ledger: Ledger
    first_at: datetime

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def ward(self) -> Path:
        return self.folder / "ward.safetensors"

    @property
    def new(self) -> Path:
        return self.folder / "new.safetensors"

    def answer(self, scores: Sequence[float]) -> list[int]:
        """One series an hour, which the active model has read with this score; their jobs."""
        ids = []
        known = len(self.ledger.operator.list(limit=1000))
        sha256 = read_header(self.ward).sha256
        for number, score in enumerate(scores, start=known + 1):
            at = self.first_at + number * HOUR
            add(self.ledger, series=f"2.25.{1000 + number}", at=at)
            job = claim(self.ledger, at=at + QUIET)
            assert job is not None
            self.ledger.reading.finish(
                job,
                now=at + QUIET,
                answer=answer_of(score),
                series_probability=score,
                bundle_sha256=sha256,
                results=[],
                destinations=[],
            )
            ids.append(job.id)
        return ids

    def read_beside(self, scores: Sequence[float]) -> None:
        """The other model reads what waits for it, with these scores."""
        second = self.ledger.reading.second_readings
        for score in scores:
            now = self.first_at + 100 * HOUR
            reading = second.claim(owner="host:1", now=now, lease=LEASE)
            assert reading is not None
            second.finish(reading, now=now, answer=answer_of(score), series_probability=score)

    def say(self, job_ids: Sequence[int], *, bleeding: bool) -> None:
        """A radiologist's verdict."""
        given = [
            Verdict(
                job_id=job_id,
                at=self.first_at + 100 * HOUR,
                bleeding=bleeding,
                type="",
                who="radiology",
                origin=TABLE,
            )
            for job_id in job_ids
        ]
        self.ledger.verdicts.record(given, by="jo")

    def mark(self, job_id: int, **values: object) -> None:
        """In its row."""
        with self.ledger.database.write() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def answer_of(score: float) -> Answer:
    return Answer.PRESENT if score >= THRESHOLD else Answer.ABSENT


@contextmanager
def two_models(folder: Path) -> Iterator[TwoModels]:
    """Series arrived from ten days ago on."""
    (folder / "config.toml").write_text(CONFIG.format(folder=folder), encoding="utf-8")
    with opened_ledger(f"sqlite:///{folder}/ledger.sqlite") as ledger:
        first_at = datetime.now(UTC) - timedelta(days=10)
        node = TwoModels(folder=folder, ledger=ledger, first_at=first_at)
        write_untrained_bundle(node.ward, threshold=THRESHOLD, name="ward-1")
        write_untrained_bundle(node.new, threshold=0.6, name="head-ct-2")
        yield node
