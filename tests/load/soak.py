"""Thousands of series through the real `ich-node run`, while the size of everything that could grow
is watched.

`python -m tests.load.soak --series 2000` starts the node with one destination and a ledger and a
spool of its own, lets several modalities send small heads (8 slices of 64 x 64), and samples each
process's memory, descriptors and threads, the ledger and the spool. The time of day goes thirty
times as fast as the machine's, so that retention (1.2 h) and pruning come early in the run. It ends
with 1 if a series was not read and delivered, or if something grew between the second and the last
quarter of the run.
"""

import argparse
import csv
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.support.heads import ROOT, head_slice
from tests.support.moved_clock import MovedClock, moved_clock
from tests.support.peers import (
    CT,
    ONE_OF_EACH,
    Pacs,
    associated,
    free_port,
    pacs,
)
from tests.support.running import node_processes

SLICES, SIDE_PX = 8, 64
SPEED = 30
PROCESSES = ("receive", "analyse", "send")
CONFIG = (
    ONE_OF_EACH
    + """[database]
url = "sqlite:///{folder}/ledger.sqlite"
keep_days = 0.01
[spool]
path = "{folder}/spool"
reserve_bytes = 0
retention_days = 0.05
watermark_percent = 100
[series]
quiet_seconds = 600
[analysis]
threads = 1
lease_seconds = 3600
"""
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What there is at one moment. seconds: since the beginning; memory in bytes, resident; of each
    process one column.
    """

    seconds: float
    series: int
    receive_memory: int
    analyse_memory: int
    send_memory: int
    receive_descriptors: int
    analyse_descriptors: int
    send_descriptors: int
    receive_threads: int
    analyse_threads: int
    send_threads: int
    ledger_bytes: int
    ledger_jobs: int
    spool_files: int


# How much more of it there may be in the last quarter of a run than in the second: share, and a
# number that always may.
MAY_GROW: Mapping[str, tuple[float, float]] = {
    "memory": (0.10, 8e6),
    "descriptors": (0.10, 3),
    "threads": (0.10, 3),
    "bytes": (0.15, 2e6),
    "jobs": (0.25, 40),
    "files": (0.25, 400),
}


@dataclass(kw_only=True)
class Soak:
    """One run in a folder of its own."""

    folder: Path
    series: int
    senders: int
    every_seconds: float
    samples: list[Sample] = field(default_factory=list)
    numbers: Iterator[int] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)
    sent: int = 0

    def run(self) -> list[str]:
        """What is wrong, a sentence each. Raises TimeoutError if the node does not come to rest."""
        self.numbers = iter(range(self.series))
        port = free_port()
        with (
            pacs() as stand_in,
            moved_clock(self.folder) as clock,
            self._node(port, stand_in, clock) as pids,
        ):
            senders = [
                threading.Thread(target=self._send, args=(port,), daemon=True)
                for _ in range(self.senders)
            ]
            for sender in senders:
                sender.start()
            self._watch(pids, clock, stand_in)
        return list(self._wrong())

    @contextmanager
    def _node(self, port: int, stand_in: Pacs, clock: MovedClock) -> Iterator[Mapping[str, int]]:
        """The process ids by name."""
        config = CONFIG.format(
            port=port, pacs_ae="PACS", pacs_port=stand_in.port, folder=self.folder
        )
        environment = {**clock.environment, "OMP_NUM_THREADS": "1"}
        with node_processes(
            self.folder, config, environment=environment, start_seconds=600
        ) as node:
            yield {name: node.pid_of(name) for name in PROCESSES}

    def _send(self, port: int) -> None:
        """One modality: series after series, each in an association of its own."""
        heads = {
            bleeds: [made_slice(index, bleeds=bleeds) for index in range(SLICES)]
            for bleeds in (False, True)
        }
        while (number := self._next()) is not None:
            while not self._send_one(port, named(heads[number % 4 == 0], number)):
                time.sleep(1)
            self.sent += 1

    def _next(self) -> int | None:
        """Never more than a few series ahead of the reader: a hospital sends no faster than its
        scanners scan.
        """
        with self.lock:
            while self.sent > self._done() + 4 * self.senders:
                time.sleep(0.5)
            return next(self.numbers, None)

    def _send_one(self, port: int, datasets: Sequence[Dataset]) -> bool:
        with associated(port, contexts=[(CT, [ExplicitVRLittleEndian])]) as association:
            return association.is_established and all(
                association.send_c_store(ds).get("Status") == 0 for ds in datasets
            )

    def _watch(self, pids: Mapping[str, int], clock: MovedClock, stand_in: Pacs) -> None:
        began = time.monotonic()
        next_sample = began
        while (now := time.monotonic()) and self._done() < self.series:
            clock.move_to(round((SPEED - 1) * (now - began)))
            stand_in.received.clear()  # counted by the ledger; this process is to stay small
            if now >= next_sample:
                next_sample += self.every_seconds
                self.samples.append(self._sample(pids, now - began))
                write_table(self.folder / "soak.csv", self.samples)
            time.sleep(1)

    def _done(self) -> int:
        """How many series were delivered, swept and forgotten ones included: a job's number is
        never given again.
        """
        with self._ledger() as connection:
            open_jobs = connection.execute(
                sa.text(
                    "SELECT count(*) FROM jobs WHERE state NOT IN ('DONE') OR EXISTS "
                    "(SELECT 1 FROM deliveries WHERE job_id = jobs.id AND state != 'SENT')"
                )
            ).scalar_one()
            newest = connection.execute(
                sa.text("SELECT coalesce(max(id), 0) FROM jobs")
            ).scalar_one()
        return int(newest - open_jobs)

    @contextmanager
    def _ledger(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(f"sqlite:///{self.folder}/ledger.sqlite", poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection

    def _sample(self, pids: Mapping[str, int], seconds: float) -> Sample:
        values: dict[str, Any] = {"seconds": round(seconds, 1), "series": self._done()}
        for name in PROCESSES:
            proc = Path("/proc") / str(pids[name])
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            values[f"{name}_memory"] = int(status["VmRSS"].split()[0]) * 1024
            values[f"{name}_threads"] = int(status["Threads"])
            values[f"{name}_descriptors"] = len(list((proc / "fd").iterdir()))
        values["ledger_bytes"] = sum(
            path.stat().st_size for path in self.folder.glob("ledger.sqlite*")
        )
        with self._ledger() as connection:
            values["ledger_jobs"] = connection.execute(
                sa.text("SELECT count(*) FROM jobs")
            ).scalar_one()
        values["spool_files"] = sum(1 for _ in (self.folder / "spool" / "objects").glob("*/*.dcm"))
        return Sample(**values)

    def _wrong(self) -> Iterator[str]:
        restarts = (self.folder / "log").read_text().count('"process_died"')
        if restarts:
            yield f"{restarts} processes died"
        with self._ledger() as connection:
            query = (
                "SELECT state, reason, count(*) FROM jobs"
                " WHERE state != 'DONE' OR attempts != 1 GROUP BY 1, 2"
            )
            for state, reason, count in connection.execute(sa.text(query)):
                yield f"{count} series ended as {state} ({reason}), or were tried more than once"
        yield from grown(self.samples)


def grown(samples: Sequence[Sample]) -> Iterator[str]:
    """What the last quarter has more of than the second one. A run of fewer than 40 samples shows
    nothing.
    """
    quarter = len(samples) // 4
    if quarter < 10:
        return
    for kind, (share, number) in MAY_GROW.items():
        for column in (name.name for name in fields(Sample) if name.name.endswith(f"_{kind}")):
            before = median(getattr(sample, column) for sample in samples[quarter : 2 * quarter])
            after = median(getattr(sample, column) for sample in samples[-quarter:])
            if after > before * (1 + share) + number:
                yield f"{column} grew from {before:.0f} to {after:.0f}"


def made_slice(index: int, *, bleeds: bool) -> Dataset:
    ds = head_slice(index, count=SLICES, rows=SIDE_PX, columns=SIDE_PX)
    ds.ImagePositionPatient = [-64.0, -64.0, 12.0 * index]
    ds.PixelSpacing, ds.SliceThickness = [2.0, 2.0], "12"
    if bleeds and 2 <= index <= 5:  # a dense disc: its results have pictures
        stored_YX = ds.pixel_array.copy()
        row_YX, column_YX = np.mgrid[:SIDE_PX, :SIDE_PX]
        stored_YX[np.hypot(row_YX - 28, column_YX - 40) < 7] = 1024 + 75
        ds.PixelData = stored_YX.tobytes()
    return ds


def named(head: Sequence[Dataset], number: int) -> Sequence[Dataset]:
    """The same pixels as another series of another patient."""
    study = f"{ROOT}66.{number}"
    for index, ds in enumerate(head):
        ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = f"P{number}", study, f"{study}.1"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{study}.1.{index + 1}"
    return head


def write_table(path: Path, samples: Sequence[Sample]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--every-seconds", type=float, default=10)
    parser.add_argument(
        "--out", type=Path, help="the run's folder, kept; without it a temporary one"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(
            folder=folder,
            series=asked.series,
            senders=asked.senders,
            every_seconds=asked.every_seconds,
        )
        wrong = soak.run()
    first, last = (asdict(soak.samples[at]) for at in (0, -1))
    figures = {"first": first, "last": last, "wrong": len(wrong)}
    print(json.dumps(figures, indent=1))  # noqa: T201
    for sentence in wrong:
        print("WRONG:", sentence)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
