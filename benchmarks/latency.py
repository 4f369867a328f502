"""From the last C-STORE to the SR at the PACS, with everything on: `python -m benchmarks.latency
[FOLDER ...]`.

The node runs as three processes with its defaults; DCMTK's storescu sends and its storescp is the
PACS. Times are those of the ledger. A FOLDER holds one series more, in one transfer syntax.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median

import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLosslessSV1, generate_uid
from pynetdicom import AE

from benchmarks.receivers import ENVIRONMENT, ICH_NODE, free_port, listening, needed_tool
from benchmarks.series_growth import finer
from benchmarks.side_by_side import write_table
from ich_node.ledger import DeliveryState, Job, JobState, Ledger, open_ledger
from ich_node.phantom import make_study

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "5"))
LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 120.0
PACS = """
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs_port}
"""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Files of one series, sent anew under other UIDs each time.

    proposes: storescu's option for their transfer syntax; pause_seconds: after each object, as of a
    scanner that still reconstructs.
    """

    name: str
    files: Sequence[Path]
    proposes: str
    pause_seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds: of the arrival, and from the last C-STORE on to each step."""

    arrival: float
    ready: float
    done: float
    report: float
    all: float

    @property
    def after_ready(self) -> float:
        return self.report - self.ready


def main(folders: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        thick = phantom(folder / "36", "36 slices, uncompressed", slice_mm=4.2, compressed=False)
        studies = [
            thick,
            replace(thick, name=f"{thick.name}, ten a second", pause_seconds=0.1),
            phantom(folder / "239", "239 slices, JPEG Lossless", slice_mm=0.61, compressed=True),
            phantom(folder / "300", "300 slices, uncompressed", slice_mm=0.4854, compressed=False),
            *(found(Path(path)) for path in folders),
        ]
        thousand, overtaking = (
            thousand_slices(folder / "1000"),
            replace(thick, name=f"{thick.name}, while 1,000 are being read"),
        )
        measured: dict[str, list[Latency]] = {study.name: [] for study in [*studies, overtaking]}
        with node(folder) as (port, ledger):
            for _ in range(ROUNDS + 1):  # the first one warms up
                for study in studies:
                    measured[study.name].append(send_and_wait(study, port, ledger, folder / "sent"))
                measured[overtaking.name].append(
                    overtake(overtaking, thousand, port, ledger, folder)
                )
    studies.append(overtaking)
    rows = [row(study, measured[study.name][1:]) for study in studies]
    write_table(
        "latency",
        f"From the last C-STORE to the results at the PACS; seconds, medians of {ROUNDS} "
        "rounds (and the longest)",
        [
            "series",
            "objects",
            "arrival",
            "judged complete",
            "read",
            "SR at the PACS",
            "of which after complete",
            "all results",
        ],
        rows,
        packages=["torch", "openvino", "pynetdicom"],
    )


def phantom(folder: Path, name: str, *, slice_mm: float, compressed: bool) -> Study:
    """A head with two bleeds."""
    files = make_study(3, bleeds=("IPH", "SDH"), slice_mm=slice_mm).write(folder)
    if compressed:
        for path in files:
            subprocess.run([needed_tool("dcmcjpeg"), "+e1", path, path], check=True)
    return Study(name=f"{name} (phantom)", files=files, proposes="-xs" if compressed else "-xe")


def thousand_slices(folder: Path) -> Study:
    folder.mkdir()
    files = [folder / f"{number:04}.dcm" for number in range(1000)]
    for path, dataset in zip(
        files, finer(make_study(3, bleeds=("IPH", "SDH")).datasets(), len(files)), strict=True
    ):
        dataset.save_as(path, enforce_file_format=True)
    return Study(name="1,000 slices", files=files, proposes="-xe")


def found(folder: Path) -> Study:
    files = sorted(path for path in folder.rglob("*.dcm"))
    syntax = pydicom.dcmread(files[0], stop_before_pixels=True).file_meta.TransferSyntaxUID
    proposes = {JPEGLosslessSV1: "-xs"}.get(syntax, "-R")
    return Study(
        name=f"{folder.name}, {len(files)} slices, {syntax.name}", files=files, proposes=proposes
    )


@contextmanager
def node(folder: Path) -> Iterator[tuple[int, Ledger]]:
    """The port of a running node, and its ledger; its PACS is there, too."""
    port, pacs_port = free_port(), free_port()
    config = folder / "config.toml"
    config.write_text(
        ICH_NODE.format(port=port, folder=folder) + PACS.format(pacs_port=pacs_port),
        encoding="utf-8",
    )
    (folder / "pacs").mkdir()
    pacs = [
        needed_tool("storescp"),
        "-aet",
        "PACS",
        "-od",
        str(folder / "pacs"),
        "+B",
        "-pdu",
        "131072",
        str(pacs_port),
    ]
    ours = [sys.executable, "-m", "ich_node", "--config", str(config), "run"]
    with listening(pacs, pacs_port, folder / "pacs"), listening(ours, port, folder):
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        yield port, ledger
        ledger.dispose()


def send_and_wait(study: Study, port: int, ledger: Ledger, folder: Path) -> Latency:
    series_uid = renamed(study, folder)
    began = time.time()
    send(study, folder, port)
    until(lambda: is_sent(ledger, series_uid), "the results at the PACS")
    job = job_of(ledger, series_uid)
    assert job is not None
    assert job.state is JobState.DONE, f"{study.name}: {job.state} {job.detail}"
    last = job.last_received_at

    def since_last(at: datetime | None) -> float:
        assert at is not None
        return (at - last).total_seconds()

    deliveries = ledger.operator.deliveries(job.id)
    done = next(event.at for event in ledger.operator.events(job.id) if event.event == "done")
    return Latency(
        arrival=last.timestamp() - began,
        ready=since_last(job.ready_at),
        done=since_last(done),
        report=next(
            since_last(delivery.sent_at) for delivery in deliveries if delivery.kind == "sr"
        ),
        all=max(since_last(delivery.sent_at) for delivery in deliveries),
    )


def overtake(small: Study, large: Study, port: int, ledger: Ledger, folder: Path) -> Latency:
    """The small one is sent while the large one is read; both are waited for."""
    large_uid = renamed(large, folder / "large")
    send(large, folder / "large", port)
    until(
        lambda: getattr(job_of(ledger, large_uid), "state", None) is JobState.READING,
        "the reading of the large series",
    )
    latency = send_and_wait(small, port, ledger, folder / "sent")
    until(lambda: is_sent(ledger, large_uid), "the results of the large series")
    return latency


def renamed(study: Study, folder: Path) -> str:
    """Its files under UIDs that nobody has seen, in the folder; the Series Instance UID."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    study_uid, series_uid = generate_uid(), generate_uid()
    for number, path in enumerate(study.files):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (
            study_uid,
            series_uid,
            generate_uid(),
        )
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"{number:04}.dcm", enforce_file_format=True)
    return series_uid


def send(study: Study, folder: Path, port: int) -> None:
    """In one association."""
    if not study.pause_seconds:
        titles = ["-aet", "CT1", "-aec", "ICHNODE", LOOPBACK, str(port)]
        subprocess.run(
            [needed_tool("storescu"), study.proposes, *titles, "+sd", str(folder)],
            check=True,
            env=ENVIRONMENT,
        )
        return
    entity = AE(ae_title="CT1")
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = entity.associate(LOOPBACK, port, ae_title="ICHNODE")
    for path in sorted(folder.iterdir()):
        association.send_c_store(path)
        time.sleep(study.pause_seconds)
    association.release()


def is_sent(ledger: Ledger, series_uid: str) -> bool:
    job = job_of(ledger, series_uid)
    if job is None or job.state in (JobState.WAITING, JobState.READING):
        return False
    return all(
        delivery.state is DeliveryState.SENT for delivery in ledger.operator.deliveries(job.id)
    )


def job_of(ledger: Ledger, series_uid: str) -> Job | None:
    return next(
        (job for job in ledger.operator.list(limit=2) if job.series_instance_uid == series_uid),
        None,
    )


def row(study: Study, latencies: Sequence[Latency]) -> list[str]:
    def cell(value: Callable[[Latency], float]) -> str:
        values = [value(latency) for latency in latencies]
        return f"{median(values):.2f} ({max(values):.2f})"

    steps: list[Callable[[Latency], float]] = [
        lambda latency: latency.arrival,
        lambda latency: latency.ready,
        lambda latency: latency.done,
        lambda latency: latency.report,
        lambda latency: latency.after_ready,
        lambda latency: latency.all,
    ]
    return [study.name, str(len(study.files)), *map(cell, steps)]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE_SECONDS:g} s for {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
