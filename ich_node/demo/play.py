"""The demonstration: start the node, send a phantom, wait for the results, compare the marks with
the planted bleeds.
"""

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
from ich_node.demo.folder import demonstration_folder
from ich_node.demo.node import running, write_config
from ich_node.demo.pacs import LOOPBACK, PacsStandIn
from ich_node.ledger import open_existing_ledger
from ich_node.ledger.operator_deliveries import DeliveryChoice
from ich_node.phantom import PhantomStudy, make_study

NEAR_PX = 12.0  # from a planted box; a mark within 5 to 6 mm counts as a hit
START_SECONDS = 120.0
ANSWER_SECONDS = 300.0  # a busy machine; an idle one needs 3 s
# The site is that of demo-web; its port may be that of a node which is in use.
WITHOUT_SITE = """[web]
enabled = false
"""


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
    not arrive, or the folder cannot be used.
    """
    with demonstration_folder(out) as folder:
        tell(f"a phantom with bleeds, seed {seed}")
        study = _study_with_bleeds(seed)
        study.write(folder / "phantom")
        with PacsStandIn(folder / "received") as pacs:
            config = write_config(folder / "node", pacs, more=WITHOUT_SITE)
            seconds = _walk(study, pacs, config, tell)
        return _compare(study, pacs.arrived, folder, seconds)


def _walk(
    study: PhantomStudy, pacs: PacsStandIn, config: Path, tell: Callable[[str], None]
) -> float:
    """Seconds from the first image that is sent to the SR."""
    port = load_config(config).config.scp.port
    with running(config) as node:
        node.wait_for(
            lambda: pacs.answers(port, called_ae="ICHNODE"),
            seconds=START_SECONDS,
            otherwise="the node does not listen",
        )
        tell(
            f"the node listens on {LOOPBACK}:{port}; the PACS stand-in sends"
            f" {len(study.slices)} images"
        )
        began = time.monotonic()
        pacs.send(study.datasets(), port=port, called_ae="ICHNODE")
        tell("all acknowledged; waiting for the reading")
        node.wait_for(lambda: _has_sr(pacs), seconds=ANSWER_SECONDS, otherwise="no SR came back")
        seconds = time.monotonic() - began
        node.wait_for(
            lambda: _is_all_sent(config),
            seconds=ANSWER_SECONDS,
            otherwise="not all results came back",
        )
    return seconds


def _study_with_bleeds(seed: int) -> PhantomStudy:
    """An acute bleed inside the brain and one outside it."""
    return make_study(seed, bleeds=("IPH", "SDH"))


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
