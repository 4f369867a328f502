"""Pictures of the site's viewer over HTTP on loopback, beside the floor: Pillow
encodes the same pixels. `python -m benchmarks.site_pictures`.

A head of 36 slices of 512 x 512, uncompressed and in JPEG 2000, from a warm spool. Every slice is
asked for in turn, so that none of them is in the site's memory; then one again and again.
"""

import io
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import httpx
from PIL import Image
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless

from benchmarks.side_by_side import TIMING_COLUMNS, take_turns, timing_cells, write_table
from ich_node.analyse.map_file import keep_maps, reading_with_maps
from ich_node.config.config import Config
from ich_node.detection.reading import Reading
from ich_node.dicom.geometry import orientation_key, slice_position
from ich_node.ledger import Instance, Ledger, MapFile, open_ledger
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.phantom import make_study
from ich_node.report import all_lesions, listed
from ich_node.series.read import read_series
from ich_node.spool import Spool
from ich_node.web.cookie import COOKIE
from ich_node.web.server import server_of
from ich_node.web.sessions import Sessions
from ich_node.web.site import Site
from ich_node.web.tokens import Tokens
from ich_node.web.visitor import Role

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "7"))
SLICES = 36
PLAIN, COMPRESSED = 1, 2
FILE = "analyse: the file of one reading"
NOW = datetime.now(UTC)


def main() -> None:
    """Write the table."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool")
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        head = make_study(7, slice_mm=4.0, tilt_deg=0.0).datasets()[:SLICES]
        detector = Detector(open_bundle(shipped_bundle()))
        _receive(ledger, spool, head)
        series = read_series(head)
        reading = detector.read(series)
        lesions = listed(all_lesions(series, reading))
        _finish(ledger, reading, keep_maps(spool, reading, series, detector, lesions))
        _receive(ledger, spool, _compressed(head))
        with _looking(ledger, spool, Path(folder)) as client:
            _measure(client, lambda: reading_with_maps(reading, series, detector, lesions).encode())
        ledger.dispose()


def _measure(client: httpx.Client, encode_reading: Callable[[], bytes]) -> None:
    sizes: dict[str, int] = {}

    def asked(name: str, paths: Iterator[str]) -> Callable[[], None]:
        def ask() -> None:
            for _ in range(SLICES):
                answer = client.get(next(paths))
                assert answer.status_code == 200, answer.text
                sizes[name] = len(answer.content)

        return ask

    def each(job: int, kind: str) -> Iterator[str]:
        return cycle([f"/series/{job}/{kind}/{number}.png" for number in range(1, SLICES + 1)])

    asks = {
        "slice, uncompressed": each(PLAIN, "slices"),
        "slice, JPEG 2000": each(COMPRESSED, "slices"),
        "slice that is in memory, another window": cycle(
            [f"/series/{PLAIN}/slices/18.png?centre={centre}&width=200" for centre in range(30, 90)]
        ),
        "map": each(PLAIN, "maps"),
        "thumbnail, uncompressed": each(PLAIN, "thumbnails"),
        "page with the viewer": cycle([f"/series/{PLAIN}/viewer"]),
    }
    picture = Image.open(io.BytesIO(client.get(f"/series/{PLAIN}/slices/18.png").content))
    picture.load()

    def encode_alone() -> None:
        for _ in range(SLICES):
            picture.save(io.BytesIO(), "PNG", compress_level=1)

    def keep() -> None:
        sizes[FILE] = len(encode_reading())

    one_by_one = {name: asked(name, paths) for name, paths in asks.items()}
    floor = "floor: Pillow encodes the same slice"
    timings = take_turns({**one_by_one, floor: encode_alone}, rounds=ROUNDS, repeats=SLICES)
    timings |= take_turns({FILE: keep}, rounds=ROUNDS, repeats=1)
    write_table(
        "site-pictures",
        f"Pictures of the site: a head of {SLICES} slices of 512 x 512",
        ("what", *TIMING_COLUMNS, "kB"),
        [
            [name, *timing_cells(timing), f"{sizes[name] / 1000:.1f}" if name in sizes else ""]
            for name, timing in timings.items()
        ],
        packages=("pillow", "numpy", "pydicom", "imagecodecs", "starlette"),
    )


def _compressed(datasets: list[Dataset]) -> list[Dataset]:
    """As a series of its own."""
    for dataset in datasets:
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        dataset.SOPInstanceUID += ".1"
        dataset.SeriesInstanceUID += ".1"
        dataset.StudyInstanceUID += ".1"
    return datasets


def _receive(ledger: Ledger, spool: Spool, datasets: list[Dataset]) -> None:
    for dataset in datasets:
        file = io.BytesIO()
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(file, enforce_file_format=True)
        stored = spool.put(file.getvalue())
        position, orientation = dataset.ImagePositionPatient, dataset.ImageOrientationPatient
        ledger.receiving.add(
            Instance(
                sop_instance_uid=str(dataset.SOPInstanceUID),
                sop_class_uid=str(dataset.SOPClassUID),
                study_instance_uid=str(dataset.StudyInstanceUID),
                series_instance_uid=str(dataset.SeriesInstanceUID),
                transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
                sha256=stored.sha256,
                path=stored.path,
                size_bytes=stored.size_bytes,
                source="ct",
                received_at=NOW,
                orientation=orientation_key(orientation),
                position_mm=slice_position(position, orientation),
            ),
            ready_at=NOW,
            max_wait=timedelta(hours=1),
            urgent=False,
        )


def _finish(ledger: Ledger, reading: Reading, map_file: MapFile) -> None:
    job = ledger.reading.claim(owner="benchmark", now=NOW, lease=timedelta(hours=1), max_attempts=1)
    assert job is not None
    ledger.reading.finish(
        job,
        now=NOW,
        answer=reading.answer,
        series_probability=reading.series_probability,
        bundle_sha256=reading.bundle.sha256,
        results=(),
        destinations=(),
        map_file=map_file,
    )


@contextmanager
def _looking(ledger: Ledger, spool: Spool, folder: Path) -> Iterator[httpx.Client]:
    """A visitor of the site on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    own = {
        "port": port,
        "look_token_file": folder / "look",
        "operate_token_file": folder / "operate",
    }
    config = Config()
    config = config.model_copy(update={"web": config.web.model_copy(update=own)})
    site = Site(
        config=lambda: config,
        config_path=None,
        ledger=ledger,
        spool=spool,
        clock=lambda: datetime.now(UTC),
    )
    sessions = Sessions()
    server = server_of(site, sessions)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    cookie = sessions.begin(
        who="benchmark",
        role=Role.LOOK,
        now=NOW,
        lasts=timedelta(hours=12),
        token=Tokens(site.config).fingerprint(Role.LOOK),
    )
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, cookies={COOKIE: cookie}, timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
