"""The demonstration: start the node, send a phantom, wait for the results, compare the marks with
the planted bleeds.
"""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from highdicom.sr import srread
from PIL import Image
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage

from ich_node.config.load import load_config
from ich_node.demo.pacs import LOOPBACK, PacsStandIn
from ich_node.errors import IchNodeError
from ich_node.ledger import open_existing_ledger
from ich_node.ledger.operator_deliveries import DeliveryChoice
from ich_node.phantom import PhantomStudy, make_study

NEAR_PX = 12.0  # from a planted box; a mark within 5 to 6 mm counts as a hit
START_SECONDS = 60.0
ANSWER_SECONDS = 100.0
STOP_SECONDS = 40.0
WRITTEN_BY = "# Written by `ich-node demo`"
CONFIG = """{written_by}; everything that is not here is at its default.
[scp]
bind_address = "{host}"
port = {port}
[[sources]]
name = "pacs-stand-in"
ae_title = "{pacs_ae}"
hosts = ["{host}"]
[[destinations]]
name = "pacs-stand-in"
ae_title = "{pacs_ae}"
host = "{host}"
port = {pacs_port}
[database]
url = "sqlite:///{folder}/ich-node.sqlite"
[spool]
path = "{folder}/spool"
"""


class DemoError(IchNodeError):
    """The demonstration could not be finished."""


@dataclass(frozen=True, kw_only=True)
class ReportedMark:
    """A point of the SR: pixel centre indices in a source image."""

    sop_instance_uid: str
    row: float
    column: float


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A planted bleed: the number of slices that show it, and of those with a mark on it."""

    kind: str
    slices: int
    slices_marked: int


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """The received results, and the marks beside the planted bleeds."""

    received: tuple[Path, ...]
    preview: Path | None
    planted: tuple[Planted, ...]
    marks: tuple[ReportedMark, ...]
    marks_elsewhere: int
    seconds: float


def play(out: Path, *, seed: int, tell: Callable[[str], None]) -> DemoResult:
    """Run the node with its defaults in a folder of its own. tell is called with one line a step.

    What an earlier demonstration left in the folder is removed. Raises DemoError if the results do
    not arrive.
    """
    remove_earlier(out)
    tell(f"a phantom with bleeds, seed {seed}")
    study = _study_with_bleeds(seed)
    study.write(out / "phantom")
    with PacsStandIn(out / "received") as pacs:
        config = write_config(out / "node", pacs)
        port = load_config(config).config.scp.port
        with (out / "node" / "log.jsonl").open("wb") as log:
            node = subprocess.Popen(
                [sys.executable, "-m", "ich_node", "--config", str(config), "run"], stderr=log
            )
            try:
                wait_for(
                    lambda: pacs.answers(port, called_ae="ICHNODE"),
                    seconds=START_SECONDS,
                    node=node,
                    otherwise=f"the node does not listen; its log is {log.name}",
                )
                tell(
                    f"the node listens on {LOOPBACK}:{port}; the PACS stand-in sends"
                    f" {len(study.slices)} images"
                )
                began = time.monotonic()
                pacs.send(study.datasets(), port=port, called_ae="ICHNODE")
                tell("all acknowledged; waiting for the reading")
                wait_for(
                    lambda: _has_sr(pacs),
                    seconds=ANSWER_SECONDS,
                    node=node,
                    otherwise=f"no SR came back; the node's log is {log.name}",
                )
                seconds = time.monotonic() - began
                wait_for(
                    lambda: _is_all_sent(config),
                    seconds=ANSWER_SECONDS,
                    node=node,
                    otherwise=f"not all results came back; the node's log is {log.name}",
                )
            finally:
                stop(node)
    return _compare(study, pacs.arrived, out, seconds)


def remove_earlier(out: Path) -> None:
    """The ledger of an earlier demonstration knows the objects of the phantom, and the node would
    not read them again. A folder that `ich-node demo` did not write is left alone.
    """
    config = out / "node" / "config.toml"
    if config.is_file() and config.read_text(encoding="utf-8").startswith(WRITTEN_BY):
        for folder in ("node", "phantom", "received"):
            if (out / folder).is_dir():
                shutil.rmtree(out / folder)


def _study_with_bleeds(seed: int) -> PhantomStudy:
    """An acute bleed inside the brain and one outside it."""
    return make_study(seed, bleeds=("IPH", "SDH"))


def write_config(folder: Path, pacs: PacsStandIn) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    config = folder / "config.toml"
    text = CONFIG.format(
        written_by=WRITTEN_BY,
        host=LOOPBACK,
        port=port,
        pacs_ae=pacs.ae_title,
        pacs_port=pacs.port,
        folder=folder.resolve(),
    )
    config.write_text(text, encoding="utf-8")
    return config


def wait_for(
    condition: Callable[[], bool],
    *,
    seconds: float,
    node: subprocess.Popen[bytes],
    otherwise: str,
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if node.poll() is not None:
            raise DemoError(f"the node ended with status {node.returncode}: {otherwise}")
        if time.monotonic() > deadline:
            raise DemoError(f"after {seconds:.0f} s {otherwise}")
        time.sleep(0.2)


def _is_all_sent(config: Path) -> bool:
    """The overlays follow the SR."""
    ledger = open_existing_ledger(load_config(config).config.database.url)
    try:
        return not ledger.deliveries.list(DeliveryChoice(), limit=1).lines
    finally:
        ledger.dispose()


def _has_sr(pacs: PacsStandIn) -> bool:
    """The results of a reading arrive in one association, which is released after the last."""
    return pacs.batch_ended.is_set() and any(
        _class_of(path) == Comprehensive3DSRStorage for path in pacs.arrived
    )


def _class_of(path: Path) -> str:
    return str(
        pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).SOPClassUID
    )


def stop(node: subprocess.Popen[bytes]) -> None:
    node.send_signal(signal.SIGTERM)
    try:
        node.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()


def _compare(study: PhantomStudy, received: list[Path], out: Path, seconds: float) -> DemoResult:
    marks = [
        mark
        for path in received
        if _class_of(path) == Comprehensive3DSRStorage
        for mark in marks_of(path)
    ]
    boxes = [
        (number, str(dataset.SOPInstanceUID), bleed.boxes[index])
        for number, bleed in enumerate(study.bleeds)
        for index, dataset in enumerate(study.datasets())
        if index in bleed.boxes
    ]
    hits = [
        {
            (number, uid)
            for number, uid, box in boxes
            if uid == mark.sop_instance_uid and _is_near(mark, box)
        }
        for mark in marks
    ]
    marked = set().union(*hits)
    return DemoResult(
        received=tuple(received),
        preview=_preview(received, out),
        planted=tuple(
            Planted(
                kind=bleed.kind,
                slices=len(bleed.boxes),
                slices_marked=sum(1 for hit, _ in marked if hit == number),
            )
            for number, bleed in enumerate(study.bleeds)
        ),
        marks=tuple(marks),
        marks_elsewhere=sum(1 for hit in hits if not hit),
        seconds=seconds,
    )


def marks_of(path: Path) -> list[ReportedMark]:
    """The points of an SR file. SCOORD counts from the corner of the first pixel, so its centre is
    (0.5, 0.5).
    """
    marks = []
    content: Any = srread(path).content
    for group in content.get_planar_roi_measurement_groups():
        region = group.roi
        (column, row), *_ = region.value
        marks.append(
            ReportedMark(
                sop_instance_uid=str(
                    region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
                ),
                row=float(row) - 0.5,
                column=float(column) - 0.5,
            )
        )
    return marks


def _is_near(mark: ReportedMark, box: tuple[int, int, int, int]) -> bool:
    row0, column0, row1, column1 = box
    return (
        row0 - NEAR_PX <= mark.row <= row1 + NEAR_PX
        and column0 - NEAR_PX <= mark.column <= column1 + NEAR_PX
    )


def _preview(received: list[Path], out: Path) -> Path | None:
    """The overlay with the most colour, as PNG."""
    captures = [
        pydicom.dcmread(path)
        for path in received
        if _class_of(path) == SecondaryCaptureImageStorage
    ]
    overlays = [capture for capture in captures if capture.ImageType[-1] == "ICH_OVERLAY"]
    if not overlays:
        return None
    most = max(overlays, key=lambda overlay: float(overlay.pixel_array.std(axis=-1).sum()))
    preview = out / "preview.png"
    Image.fromarray(most.pixel_array).save(preview)
    return preview
