"""Objects, times and small steps for tests of the ledger. The functions at the end run in processes
of their own.
"""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

from ich_node.answer import Answer
from ich_node.ledger import Added, Instance, Job, Ledger, MapFile, Result, open_ledger

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
QUIET = 20 * SECOND
MAX_WAIT = 900 * SECOND
LEASE = 60 * SECOND
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def instance(
    number=1, *, series="2.25.1", study="", data="", at=T0, orientation=None, position_mm=None
) -> Instance:
    """The object `number` of a series, by default of a study of its own; other `data` makes another
    version of it.
    """
    study = study or ("2.25.9" if series == "2.25.1" else f"{series}.9")
    sop = f"{series}.{number}"
    sha256 = hashlib.sha256(f"{study}{sop}{data}".encode()).hexdigest()
    return Instance(
        sop_instance_uid=sop,
        sop_class_uid=CT_IMAGE_STORAGE,
        study_instance_uid=study,
        series_instance_uid=series,
        transfer_syntax_uid=EXPLICIT_LITTLE,
        sha256=sha256,
        path=f"objects/{sha256[:2]}/{sha256}.dcm",
        size_bytes=512,
        source="ct",
        received_at=at,
        orientation=orientation,
        position_mm=position_mm,
    )


def add(ledger: Ledger, number=1, *, at=T0, urgent=False, **other) -> Added:
    """The object arrives at that time, and the series counts as complete after the quiet time."""
    return ledger.receiving.add(
        instance(number, at=at, **other), ready_at=at + QUIET, max_wait=MAX_WAIT, urgent=urgent
    )


def claim(ledger: Ledger, *, at=T0 + QUIET, owner="host:1", max_attempts=3) -> Job | None:
    return ledger.reading.claim(owner=owner, now=at, lease=LEASE, max_attempts=max_attempts)


def results(job: Job, count=2) -> list[Result]:
    return [
        Result(
            sop_instance_uid=f"2.25.7.{job.id}.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34"
            if number == 0
            else "1.2.840.10008.5.1.4.1.1.7",
            kind="overlay" if number else "sr",
            path=f"objects/00/{number:064x}.dcm",
            sha256=f"{number:064x}",
            size_bytes=100,
        )
        for number in range(count)
    ]


def map_file(job: Job) -> MapFile:
    return MapFile(path=f"objects/11/{job.id:064x}.safetensors", size_bytes=300_000)


def finish(
    ledger: Ledger, job: Job, *, at=T0 + QUIET, destinations=("pacs",), count=2, maps=False
) -> None:
    ledger.reading.finish(
        job,
        now=at,
        answer=Answer.PRESENT,
        series_probability=0.875,
        bundle_sha256="b" * 64,
        results=results(job, count),
        destinations=destinations,
        map_file=map_file(job) if maps else None,
    )


def processes(count: int) -> ProcessPoolExecutor:
    """Processes that have nothing in common but what they import, which is imported once."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["ich_node.ledger", "alembic.command", "psycopg"])
    return ProcessPoolExecutor(count, mp_context=context)


def claim_until_empty(url: str, owner: str) -> list[int]:
    """Claim and finish whatever is ready; the ids in the order of the claims."""
    ledger = open_ledger(url)
    ids = []
    while (job := claim(ledger, owner=owner)) is not None:
        ids.append(job.id)
        finish(ledger, job, count=1)
    ledger.dispose()
    return ids


def add_range(url: str, numbers: range) -> list[str]:
    ledger = open_ledger(url)
    added = [add(ledger, number).name for number in numbers]
    ledger.dispose()
    return added


def open_and_count(url: str) -> int:
    ledger = open_ledger(url)
    count = len(ledger.operator.list())
    ledger.dispose()
    return count
