"""Faults by the dozen, seeded: processes are killed, the PACS refuses, loses and goes away, the ledger locks, lines break.

`python tests/chaos.py --series 100 --seed 1` runs `ich-node run` with two destinations (one asked for storage commitment), prints
the figures, and exits with 1 if something was lost, wrong, stuck or there twice. tests/test_chaos.py runs a short form.

The troubles and their order come from the seed; when each of them strikes a running system does not. The harness shortens waits
that the node counts in minutes (backoff, the leases of processes that it killed) by moving their ends in the ledger.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from heads import ROOT, head_slice
from peers import COMPREHENSIVE_3D_SR, CT, SECONDARY_CAPTURE, associated, close_in_the_end, free_port, is_listening
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.dsutils import encode
from pynetdicom.events import Event

from ich_node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from ich_node.jobs import Job, Jobs, JobState, open_ledger
from ich_node.spool import Spool

SENDERS = 4
PROCESSES = ("receive", "analyse", "send")
MOODS = ("takes", "takes", "out of resources", "cannot understand", "aborts", "silent", "loses")
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = {port}
dimse_timeout_seconds = 5
[[sources]]
name = "modality"
ae_title = "CT1"
[[sources]]
name = "archive"
ae_title = "ARCHIVE"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs}
[[destinations]]
name = "archive"
ae_title = "ARCHIVE"
host = "127.0.0.1"
port = {archive}
storage_commitment = true
commitment_timeout_seconds = 10
[database]
url = "{url}"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
watermark_percent = 100
[series]
quiet_seconds = 4
grace_seconds = 1
[analysis]
lease_seconds = 5
max_attempts = 50
threads = 1
"""


@dataclass(kw_only=True)
class Peer:
    """A destination with moods. kept: SOP Instance UID to the hashes of the data sets that it took under it."""

    ae_title: str
    node_port: int
    port: int = field(default_factory=free_port)
    mood: str = "takes"
    kept: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    faults: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        entity = AE(self.ae_title)
        for sop_class in (SECONDARY_CAPTURE, COMPREHENSIVE_3D_SR, PUSH_MODEL, RESULTS_AT_ALL[0], RESULTS_AT_ALL[1]):
            entity.add_supported_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        handlers = [(evt.EVT_CONN_OPEN, close_in_the_end), (evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self._action)]
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def stop(self) -> None:
        for association in self._server.active_associations:
            association.abort()
        self._server.shutdown()

    def _store(self, event: Event) -> int:
        loses = self.mood == "loses" and self.ae_title == "ARCHIVE"  # who is not asked to commit has no way to say so
        if self.mood != "takes" and (loses or self.mood != "loses"):
            self.faults[self.mood] += 1
        if self.mood == "aborts":
            event.assoc.abort()
        elif self.mood == "silent":
            time.sleep(2)
            event.assoc.abort()
        statuses = {"out of resources": 0xA700, "cannot understand": 0xC000, "aborts": 0x0110, "silent": 0x0110}
        status = statuses.get(self.mood, 0x0000)
        if status == 0x0000 and not loses:
            data = event.request.DataSet.getvalue()
            self.kept[str(event.request.AffectedSOPInstanceUID)].add(hashlib.sha256(data).hexdigest())
        return status

    def _action(self, event: Event) -> tuple[int, None]:
        question = event.action_information
        threading.Thread(target=self._answer, args=(question,), daemon=True).start()
        return 0x0000, None

    def _answer(self, question: Dataset) -> None:
        """Call the node back; if it is away, the answer is lost."""
        report = Dataset()
        report.TransactionUID = question.TransactionUID
        kept = [item for item in question.ReferencedSOPSequence if item.ReferencedSOPInstanceUID in self.kept]
        lost = [item for item in question.ReferencedSOPSequence if item.ReferencedSOPInstanceUID not in self.kept]
        for item in lost:
            item.FailureReason = 0x0112
        report.ReferencedSOPSequence, report.FailedSOPSequence = kept, lost
        entity = AE(self.ae_title)
        entity.add_requested_context(PUSH_MODEL, ExplicitVRLittleEndian)
        role = build_role(PUSH_MODEL, scp_role=True)
        association = entity.associate("127.0.0.1", self.node_port, ae_title="ICHNODE", ext_neg=[role])
        if association.is_established:
            association.send_n_event_report(report, 2 if lost else 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
            association.release()


RESULTS_AT_ALL = ("1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.59")  # presentation states, key objects


@dataclass(kw_only=True)
class Modalities:
    """Send series over and over until every object was acknowledged. acknowledged: UID to the bytes of its data set."""

    port: int
    rng: random.Random
    todo: list[list[Dataset]]
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send_all(self) -> None:
        """One modality; several may run at once."""
        while True:
            with self.lock:
                if not self.todo:
                    return
                series = self.todo.pop(0)
                breaks_after = self.rng.randrange(1, len(series)) if self.rng.random() < 0.2 else None
            while rest := [ds for ds in series if str(ds.SOPInstanceUID) not in self.acknowledged]:
                self._send(rest, breaks_after)
                breaks_after = None
                time.sleep(0.3)

    def _send(self, datasets: Sequence[Dataset], breaks_after: int | None) -> None:
        syntax = datasets[0].file_meta.TransferSyntaxUID
        with suppress(OSError, RuntimeError), associated(self.port, contexts=[(CT, [syntax])]) as association:
            if not association.is_established:
                self.figures["associations that failed"] += 1
                return
            for number, ds in enumerate(datasets):
                if number == breaks_after:
                    self.figures["transfers broken off"] += 1
                    association.dul.socket.socket.close()  # in the middle, without a word
                    return
                status = association.send_c_store(ds).get("Status")
                if status != 0x0000:
                    self.figures["objects not acknowledged at once"] += 1
                    return
                data = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian)
                assert data is not None
                with self.lock:
                    self.acknowledged[str(ds.SOPInstanceUID)] = data


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """figures: what happened; wrong: one sentence for each thing that must not be."""

    figures: dict[str, Any]
    wrong: list[str]


@dataclass(kw_only=True)
class Chaos:
    """One run in a folder of its own."""

    folder: Path
    url: str
    seed: int
    series: int
    wait_seconds: float = 600
    figures: Counter[str] = field(default_factory=Counter)

    def run(self) -> Outcome:
        """Raises TimeoutError if the node does not come to rest."""
        began, rng = time.monotonic(), random.Random(self.seed)
        node_port = free_port()
        peers = [Peer(ae_title=ae_title, node_port=node_port) for ae_title in ("PACS", "ARCHIVE")]
        todo = [made_series(number, rng) for number in range(self.series)]
        all_series = {str(series[0].SeriesInstanceUID) for series in todo}
        modalities = Modalities(port=node_port, rng=random.Random(self.seed + 1), todo=todo)
        for peer in peers:
            peer.start()
        with self._node(node_port, peers):
            threads = [threading.Thread(target=modalities.send_all) for _ in range(SENDERS)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                self._trouble(rng, peers)
                time.sleep(rng.uniform(0.3, 1.5))
            for _ in range(max(12, self.series)):  # results are still being read and sent
                self._trouble(rng, peers)
                time.sleep(rng.uniform(0.5, 2))
            for peer in peers:
                peer.mood = "takes"
            self._come_to_rest(all_series)
        for peer in peers:
            peer.stop()
        ledger = open_ledger(self.url)
        try:
            wrong = list(Judge(ledger, Spool(self.folder / "spool"), modalities.acknowledged, peers).wrong(all_series))
            events = Counter(event.event for job in ledger.list(limit=10_000) for event in ledger.events(job.id))
        finally:
            ledger.dispose()
        faults = Counter({f"{peer.ae_title}: {mood}": count for peer in peers for mood, count in peer.faults.items()})
        return Outcome(
            figures={
                "seed": self.seed,
                "series": self.series,
                "objects acknowledged": len(modalities.acknowledged),
                "results kept": {peer.ae_title: len(peer.kept) for peer in peers},
                "seconds": round(time.monotonic() - began),
                "troubles": dict(sorted((self.figures + modalities.figures + faults).items())),
                "ledger": dict(sorted(events.items())),
                "wrong": len(wrong),
            },
            wrong=wrong,
        )

    @contextmanager
    def _node(self, port: int, peers: Sequence[Peer]) -> Iterator[None]:
        text = CONFIG.format(port=port, pacs=peers[0].port, archive=peers[1].port, url=self.url, folder=self.folder)
        config = self.folder / "config.toml"
        config.write_text(text)
        with (self.folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "ich_node", "--config", str(config), "run"]
            node = subprocess.Popen(command, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            until(lambda: is_listening(port), 120, "the node does not listen")
            yield
        finally:
            node.terminate()
            node.wait(60)

    def _trouble(self, rng: random.Random, peers: Sequence[Peer]) -> None:
        """One thing that goes wrong, or nothing."""
        kind = rng.choice(["kill", "kill", "mood", "mood", "mood", "away", "lock", "nothing"])
        if kind == "kill":
            name = rng.choice(PROCESSES)
            with suppress(ProcessLookupError):
                os.kill(self._pid_of(name), signal.SIGKILL)
                self.figures[f"kill -9 {name}"] += 1
        elif kind == "mood":
            rng.choice(peers).mood = rng.choice(MOODS)
        elif kind == "away":
            peer = rng.choice(peers)
            peer.stop()
            time.sleep(rng.uniform(0.2, 1.5))
            peer.start()
            self.figures[f"{peer.ae_title} stopped and started"] += 1
        elif kind == "lock":
            self._lock(rng.uniform(0.5, 3))
        self._shorten_waits()

    def _pid_of(self, name: str) -> int:
        lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines() if '"process_started"' in line]
        return int([line["pid"] for line in lines if line["name"] == name][-1])

    def _lock(self, seconds: float) -> None:
        """Nobody writes to the ledger for so long."""
        with self._past_the_ledger() as connection:
            connection.exec_driver_sql("LOCK TABLE jobs" if self.url.startswith("postgresql") else "BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.rollback()
        self.figures["ledger locked"] += 1

    def _shorten_waits(self) -> None:
        """What would be due in minutes is due now, and a lease whose process is dead is over."""
        now = datetime.now(UTC)
        with self._past_the_ledger() as connection:
            parameters = {"now": now if self.url.startswith("postgresql") else now.replace(tzinfo=None).isoformat(" ")}
            owners = connection.execute(sa.text("SELECT DISTINCT lease_owner FROM deliveries WHERE state = 'SENDING'")).scalars()
            dead = [owner for owner in owners if owner and not Path(f"/proc/{owner.rpartition(':')[2]}").exists()]
            due = "UPDATE deliveries SET next_at = :now WHERE state = 'PENDING' AND next_at > :now"
            over = "UPDATE deliveries SET lease_until = :now WHERE state = 'SENDING' AND lease_owner = :owner"
            again = "UPDATE jobs SET ready_at = :now WHERE state = 'WAITING' AND ready_at > :now AND content_at IS NOT NULL"
            with suppress(sa.exc.OperationalError):
                connection.execute(sa.text(due), parameters)
                connection.execute(sa.text(again), parameters)
                for owner in dead:
                    connection.execute(sa.text(over), {**parameters, "owner": owner})
                connection.commit()

    @contextmanager
    def _past_the_ledger(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _come_to_rest(self, all_series: set[str]) -> None:
        """Until every job has ended and nothing is owed."""
        ledger = open_ledger(self.url)

        def rests() -> bool:
            self._shorten_waits()
            jobs = ledger.list(limit=10_000)
            known = {job.series_instance_uid for job in jobs} == all_series
            ended = all(job.state not in (JobState.WAITING, JobState.READING) for job in jobs)
            open_deliveries = ("PENDING", "SENDING", "STORED")
            return known and ended and not any(d.state in open_deliveries for job in jobs for d in ledger.deliveries(job.id))

        try:
            until(rests, self.wait_seconds, "the node does not come to rest")
        finally:
            ledger.dispose()


@dataclass(frozen=True)
class Judge:
    """Holds what is against what must be."""

    ledger: Jobs
    spool: Spool
    acknowledged: dict[str, bytes]
    peers: Sequence[Peer]

    def wrong(self, all_series: set[str]) -> Iterator[str]:
        jobs = self.ledger.list(limit=10_000)
        newest: dict[str, Job] = {}
        for job in sorted(jobs, key=lambda job: job.revision):
            newest[job.series_instance_uid] = job
        yield from (f"{series}: no job" for series in all_series - newest.keys())
        yield from self._lost(newest.values())
        for job in jobs:
            if job.state in (JobState.WAITING, JobState.READING):
                yield f"job {job.id} is stuck as {job.state}"
            if job.state in (JobState.FAILED, JobState.REFUSED) and not (job.reason and job.detail):
                yield f"job {job.id} has no reason"
            if job.state is JobState.DONE:
                yield from self._not_delivered(job)
        known = {result.sop_instance_uid for job in jobs for result in self.ledger.results(job.id)}
        for peer in self.peers:
            yield from (f"{peer.ae_title} got {uid}, of which the ledger knows nothing" for uid in peer.kept.keys() - known)
            twice = [uid for uid, hashes in peer.kept.items() if len(hashes) > 1]
            yield from (f"{peer.ae_title} got {uid} with different bytes" for uid in twice)

    def _lost(self, newest: Any) -> Iterator[str]:
        """Acknowledged is on disk bit for bit, and covered by the newest revision of its series."""
        kept = {row.sop_instance_uid: row for job in newest for row in self.ledger.instances(job)}
        for uid, data in self.acknowledged.items():
            if uid not in kept:
                yield f"{uid} was acknowledged and is not in the ledger"
            elif not self.spool.read(kept[uid].path).endswith(data):
                yield f"{uid} is on disk with other bytes"

    def _not_delivered(self, job: Job) -> Iterator[str]:
        results = self.ledger.results(job.id)
        if sum(result.kind == "sr" for result in results) != 1:
            yield f"job {job.id} is done without exactly one report"
        for peer in self.peers:
            yield from (
                f"{peer.ae_title} never got {result.sop_instance_uid} of job {job.id}"
                for result in results
                if result.sop_instance_uid not in peer.kept
            )


def made_series(number: int, rng: random.Random) -> list[Dataset]:
    """A head, thick or thin, in one of three transfer syntaxes."""
    count = rng.choice([12, 12, 24])
    syntax = rng.choice([ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
    study = f"{ROOT}77.{number}"
    series = []
    for index in range(count):
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1", "SOPInstanceUID": f"{study}.1.{index + 1}"}
        ds = head_slice(index, count=count, PatientID=f"P{number}", **uids)
        ds.ImagePositionPatient = [-100.0, -100.0, 120.0 / count * index]
        if syntax == RLELossless:
            ds.compress(RLELossless, generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = syntax
        series.append(ds)
    return series


def until(holds: Any, seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", help="the ledger; without it an SQLite file")
    parser.add_argument("--out", type=Path, help="the run's folder, kept; without it a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        url = asked.url or f"sqlite:///{folder}/ledger.sqlite"
        outcome = Chaos(folder=folder, url=url, seed=asked.seed, series=asked.series, wait_seconds=3600).run()
    print(json.dumps(outcome.figures, indent=1))  # noqa: T201 - its purpose
    for sentence in outcome.wrong:
        print("WRONG:", sentence)  # noqa: T201
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
