"""Several hosts on one PostgreSQL and one shared spool, as processes with host names of their own.

`python -m tests.load.scaling hosts` sends 500 series to two receivers, which four analysers read
and two senders deliver; one analyser and one receiver are killed in the middle and do not come
back. Every series must be read and delivered once. `python -m tests.load.scaling ledger` measures
how many jobs a second 1, 2, 4 and 8 processes claim and finish, without reading them, and what an
idle process that polls costs; `readers` how many series a second 1, 2 and 4 analysers read.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian

from ich_node.ledger import JobState, Ledger, open_ledger
from tests.load.soak import SLICES, made_slice, named
from tests.support.ledger_examples import MAX_WAIT, QUIET, T0, add, claim, claim_until_empty
from tests.support.peers import (
    CT,
    ONE_OF_EACH,
    Pacs,
    associated,
    free_port,
    is_listening,
    pacs,
    wait_until,
)
from tests.support.postgres import cluster

CONFIG = (
    ONE_OF_EACH
    + """[database]
url = "{url}"
[spool]
path = "{spool}"
reserve_bytes = 0
watermark_percent = 100
[series]
quiet_seconds = 10
grace_seconds = 1
[analysis]
threads = 1
lease_seconds = 60
"""
)
MOST_JOBS = 100_000
ENDED = (JobState.DONE, JobState.REFUSED, JobState.FAILED, JobState.SET_ASIDE)


@dataclass(kw_only=True)
class Site:
    """Hosts that share a ledger and a spool."""

    folder: Path
    url: str
    pacs_port: int
    hosts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, role: str, *, port: int = 0) -> None:
        """A machine that does one thing; with a host name of its own where we are root."""
        config = self.folder / f"{name}.toml"
        spool = self.folder / "spool"
        config.write_text(
            CONFIG.format(
                port=port, pacs_ae="PACS", pacs_port=self.pacs_port, url=self.url, spool=spool
            )
        )
        command = [sys.executable, "-m", "ich_node", "--config", str(config), role]
        if os.geteuid() == 0:
            command = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name, *command]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.hosts[name] = subprocess.Popen(
                command, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
        if port:
            wait_until(lambda: is_listening(port), seconds=600, what=f"{name}'s listening")

    def kill(self, name: str) -> None:
        """The power fails, and nobody is there to switch it on again."""
        host = self.hosts.pop(name)
        host.send_signal(signal.SIGKILL)
        host.wait()

    def switch_off(self, name: str) -> None:
        """In good order: what it received is known to be complete."""
        host = self.hosts.pop(name)
        host.terminate()
        host.wait(120)

    def stop(self) -> None:
        for host in self.hosts.values():
            host.terminate()
        for host in self.hosts.values():
            host.wait(120)


@contextmanager
def site(folder: Path, url: str, stand_in: Pacs) -> Iterator[Site]:
    made = Site(folder=folder, url=url, pacs_port=stand_in.port)
    try:
        yield made
    finally:
        made.stop()


def send_series(ports: Sequence[int], numbers: Iterator[int], lock: threading.Lock) -> None:
    """One modality: to the first receiver that takes it; a series that broke off is sent again, as
    modalities do.
    """
    head = [made_slice(index, bleeds=False) for index in range(SLICES)]
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        series, tries = named(head, number), 0
        while not sent(ports[(number + tries) % len(ports)], series):
            tries += 1


def sent(port: int, series: Sequence[Any]) -> bool:
    try:
        with associated(port, contexts=[(CT, [ExplicitVRLittleEndian])]) as association:
            return association.is_established and all(
                association.send_c_store(ds).get("Status") == 0 for ds in series
            )
    except (OSError, RuntimeError):
        return False


def run_hosts(folder: Path, url: str, series: int) -> dict[str, Any]:
    """The figures; "wrong" must be empty."""
    kept: dict[str, set[str]] = {}
    ledger = open_ledger(url)
    with pacs() as stand_in, site(folder, url, stand_in) as hosts:
        stand_in.on_store = lambda ds: kept.setdefault(str(ds.SOPInstanceUID), set()).add(
            fingerprint(ds)
        )
        ports = [free_port(), free_port()]
        for number, port in enumerate(ports):
            hosts.start(f"door{number}", "receive", port=port)
        for number in range(4):
            hosts.start(f"reader{number}", "analyse")
        for number in range(2):
            hosts.start(f"courier{number}", "send")
        began, numbers, lock = time.monotonic(), iter(range(series)), threading.Lock()
        modalities = [
            threading.Thread(target=send_series, args=(ports, numbers, lock)) for _ in range(4)
        ]
        for modality in modalities:
            modality.start()
        wait_until(lambda: done(ledger) >= series // 4, seconds=7200, what="a quarter of the work")
        hosts.kill("reader0")
        hosts.kill("door0")
        for modality in modalities:
            modality.join()
        wait_until(lambda: is_at_rest(ledger, series), seconds=7200, what="the end")
        seconds = time.monotonic() - began
    return {"series": series, "seconds": round(seconds), **judged(ledger, series, kept)}


def fingerprint(ds: Any) -> str:
    return hashlib.sha256(ds.to_json().encode()).hexdigest()


def done(ledger: Ledger) -> int:
    return len(ledger.operator.list(state=JobState.DONE, limit=MOST_JOBS))


def is_at_rest(ledger: Ledger, series: int) -> bool:
    counts = Counter(job.state for job in ledger.operator.list(limit=MOST_JOBS))
    if (
        sum(counts[state] for state in ENDED) < series
        or counts[JobState.WAITING]
        or counts[JobState.READING]
    ):
        return False
    return all(
        each.state == "SENT"
        for job in ledger.operator.list(limit=10 * series)
        for each in ledger.operator.deliveries(job.id)
    )


def judged(ledger: Ledger, series: int, kept: dict[str, set[str]]) -> dict[str, Any]:
    jobs = ledger.operator.list(limit=10 * series)
    reads = Counter(job.series_instance_uid for job in jobs)
    events = {job.id: ledger.operator.events(job.id) for job in jobs}
    finished = [sum(event.event == "done" for event in story) for story in events.values()]
    owed = {result.sop_instance_uid for job in jobs for result in ledger.operator.results(job.id)}
    readers = Counter(
        event.detail.partition("by ")[2].partition(":")[0]
        for story in events.values()
        for event in story
        if event.event == "claimed"
    )
    wrong = [
        f"job {job.id} is {job.state}: {job.reason}"
        for job in jobs
        if job.state is not JobState.DONE
    ]
    wrong += [
        f"job {job.id} was finished {count} times"
        for job, count in zip(jobs, finished, strict=True)
        if count != 1
    ]
    wrong += [f"{uid} never came" for uid in owed - kept.keys()] + [
        f"{uid} is of no job" for uid in kept.keys() - owed
    ]
    wrong += [f"{uid} came with different bytes" for uid, prints in kept.items() if len(prints) > 1]
    return {
        "series known": len(reads),
        "read in a second revision, after a transfer that broke off": len(jobs) - len(reads),
        "tried twice, after a reader that died": sum(job.attempts > 1 for job in jobs),
        "claims by host": dict(sorted(readers.items())),
        "results owed, kept": [len(owed), len(kept)],
        "wrong": wrong
        + ([] if len(reads) == series else [f"{series - len(reads)} series are unknown"]),
    }


def run_ledger(new_url: Callable[[], str], count: int, processes: Sequence[int]) -> dict[str, Any]:
    """Jobs a second that that many processes claim and finish without reading them."""
    figures: dict[str, Any] = {}
    for workers in processes:
        url = new_url()
        ledger = open_ledger(url)
        for number in range(count):
            add(ledger, 1, series=f"2.25.{number + 100}")
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers) as pool:
            pool.map(_warm, range(workers))
            began = time.monotonic()
            taken = pool.starmap(
                claim_until_empty,
                [(url, f"host{number}") for number in range(workers)],
                chunksize=1,
            )
            seconds = time.monotonic() - began
        claimed = [job for ids in taken for job in ids]
        assert len(claimed) == len(set(claimed)) == count, "each job once"
        figures[f"{workers} processes, jobs a second"] = round(count / seconds, 1)
    began, cpu = time.monotonic(), time.process_time()
    for _ in range(200):
        claim(ledger, at=T0 + QUIET + MAX_WAIT + timedelta(days=1))
    figures["an empty claim, ms"] = round((time.monotonic() - began) * 5, 2)
    figures["an empty claim, ms of our CPU"] = round((time.process_time() - cpu) * 5, 2)
    ledger.dispose()
    return figures


def _warm(_: int) -> None:
    """Pay for the imports before the clock runs."""


def run_readers(folder: Path, new_url: Callable[[], str], series: int) -> dict[str, Any]:
    """Series a second that N analysers read, of series that lie ready."""
    figures, rates = {}, {}
    for readers in (1, 2, 4, 8):
        url, own = new_url(), folder / str(readers)
        own.mkdir()
        ledger = open_ledger(url)
        with pacs() as stand_in, site(own, url, stand_in) as hosts:
            port = free_port()
            hosts.start("door", "receive", port=port)
            send_series([port], iter(range(series)), threading.Lock())
            hosts.switch_off("door")
            for number in range(readers):
                hosts.start(f"reader{number}", "analyse")
            wait_until(
                lambda ledger=ledger, least=readers: done(ledger) >= least,
                seconds=1200,
                what="the first readings",
            )
            first, began = done(ledger), time.monotonic()
            wait_until(
                lambda ledger=ledger: done(ledger) == series, seconds=7200, what="the last reading"
            )
            rates[readers] = (series - first) / (time.monotonic() - began)
            figures[f"{readers} readers, series a second"] = round(rates[readers], 2)
        ledger.dispose()
    draw_readers(rates)
    return figures


def draw_readers(rates: dict[int, float]) -> None:
    """docs/images/growth-readers.png."""
    from matplotlib import pyplot  # here: nobody else needs it

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    most = [min(readers, os.cpu_count() or 1) * rates[1] for readers in rates]
    axes.plot(rates.keys(), most, "k--", label="the most: a reader's rate for each core")
    axes.plot(rates.keys(), rates.values(), "o-", label="measured")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(rates), [str(readers) for readers in rates])
    axes.set(xlabel="readers", ylabel="series a second", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(Path(__file__).parents[2] / "docs" / "images" / "growth-readers.png", dpi=110)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("hosts", "ledger", "readers"))
    parser.add_argument("--series", type=int, default=500)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(cluster())
        figures: dict[str, Any]
        if asked.what == "hosts":
            figures = run_hosts(folder, server.new_url(), asked.series)
        elif asked.what == "ledger":
            numbers = iter(range(99))
            figures = {"PostgreSQL": run_ledger(server.new_url, asked.series, (1, 2, 4, 8))}
            figures["SQLite"] = run_ledger(
                lambda: f"sqlite:///{folder}/{next(numbers)}.sqlite", asked.series, (1, 2)
            )
        else:
            figures = run_readers(folder, server.new_url, asked.series)
    print(json.dumps(figures, indent=1))  # noqa: T201
    return 1 if figures.get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
