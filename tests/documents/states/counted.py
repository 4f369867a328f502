"""A node that has read a hundred series in the last month, on two scanners, with some verdicts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ich_node.answer import Answer
from ich_node.ledger import Ledger, Scan, open_ledger
from ich_node.ledger.verdicts import TABLE, Verdict
from tests.documents.states.empty import CONFIG
from tests.support.ledger_examples import MAX_WAIT, SECOND, claim, instance

MODEL = "b" * 64
DAY = timedelta(days=1)


@contextmanager
def state(folder: Path) -> Iterator[Path]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder), encoding="utf-8")
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    fill(ledger, datetime.now(UTC))
    ledger.dispose()
    yield path


def fill(ledger: Ledger, now: datetime) -> None:
    ledger.activations.activate_bundle(
        path="model.safetensors", sha256=MODEL, name="ward-1", who="ann", why="", now=now
    )
    verdicts = []
    for number in range(100):
        job = read(ledger, number, at=now - DAY * (25 - number // 4), score=(number % 50) / 50)
        if number % 5 == 0 and number % 50 != 49:
            verdicts.append(
                Verdict(
                    job_id=job, at=now, bleeding=number % 50 >= 45, type="", who="dr", origin=TABLE
                )
            )
    ledger.verdicts.record(verdicts, by="ann")


def read(
    ledger: Ledger, number: int, *, at: datetime, score: float, seconds: int = 12, series: str = ""
) -> int:
    """A series that came at that time, and what it was read as; its job."""
    series = series or f"2.25.{number + 1}"
    ledger.receiving.add(
        instance(number + 1, series=series, at=at, data=str(at)), ready_at=at, max_wait=MAX_WAIT
    )
    job = claim(ledger, at=at)
    assert job is not None
    done = at + (seconds + number % 7) * SECOND
    if number % 50 == 49:
        ledger.reading.refuse(job, now=done, reason="bone_kernel", detail="", scan=scan(number))
        return job.id
    ledger.reading.finish(
        job,
        now=done,
        answer=Answer.PRESENT if score >= 0.9 else Answer.ABSENT,
        series_probability=score,
        bundle_sha256=MODEL,
        results=(),
        destinations=(),
        scan=scan(number),
    )
    return job.id


def scan(number: int) -> Scan:
    return Scan(
        manufacturer="Acme",
        scanner="Spiral 64" if number % 3 else "Spiral 16",
        body_part="HEAD",
        kernel="H30",
        slice_thickness_mm=5.0,
        kvp=120.0,
        slices=30,
        age_years=20 + number % 70,
        sex="F" if number % 2 else "M",
    )
