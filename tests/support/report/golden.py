"""Golden studies: phantoms as the world sends them, read by hand, with every object that can be
made of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256

import numpy as np
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless

from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.detection.slabs import to_slabs
from ich_node.phantom import PhantomStudy, make_study
from ich_node.report import Predecessor, ReportOptions, ResultObject, SourceSeries, write_report
from ich_node.report.identity import TYPE_2
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.support.enhanced import concatenation, to_enhanced
from tests.support.report.odd_headers import in_japanese, with_illegal_identity
from tests.support.report.report_examples import ALGORITHM, AT, finding, likelihood_of

EVERYTHING = ReportOptions(max_overlays=4, parametric_map=True, segmentation=True)
CELLS = 32  # of the edge of a map
THIN_MM = 1.25
SLAB_MM = 5.0


@dataclass(frozen=True, kw_only=True)
class Golden:
    """What came in, what was read, and what went out."""

    datasets: list[Dataset]
    series: Series
    reading: Reading
    results: list[ResultObject]


@cache
def study(*, tilt_deg: float = 0.0, thin: bool = False) -> PhantomStudy:
    if thin:
        return make_study(7, bleeds=("IPH",), rows=128, slice_mm=THIN_MM, tilt_deg=0.0)
    return make_study(7, bleeds=("IPH", "SDH"), rows=256, tilt_deg=tilt_deg)


def datasets(
    planted: PhantomStudy, change: Callable[[Dataset], object] = lambda _: None
) -> list[Dataset]:
    made = planted.datasets()
    for dataset in made:
        change(dataset)
    return made


def read(
    planted: PhantomStudy,
    series: Series,
    *,
    slab_mm: float = 0.0,
    positive: bool = True,
    before: int = 0,
) -> Reading:
    """The planted bleeds, marked in the middle of their boxes; of a slab, on its middle slice.

    before: slices of another acquisition before those of the planted study.
    """
    marks: dict[int, list[Finding]] = {}
    blood: dict[int, np.ndarray] = {}
    for rank, bleed in enumerate(planted.bleeds):
        for index, (row0, column0, row1, column1) in bleed.boxes.items():
            low_YX = blood.setdefault(index, np.zeros((CELLS, CELLS), np.float32))
            cell_px = series.slices[0].hu_YX.shape[0] // CELLS
            low_YX[
                row0 // cell_px : -(-row1 // cell_px), column0 // cell_px : -(-column1 // cell_px)
            ] = 1
            middle = 1 - abs(index - np.mean(bleed.slice_indices)) / 40
            mark = finding(
                (row0 + row1 - 1) / 2, (column0 + column1 - 1) / 2, 0.95 * middle - 0.1 * rank
            )
            marks.setdefault(index, []).append(mark)
    number_of = {slice_.image: index - before for index, slice_ in enumerate(series.slices)}
    readings, maps = {}, []
    for slab in to_slabs(series, slab_mm):
        index = number_of[slab.slice.image]
        found = tuple(marks.get(index, ())) if positive else ()
        probability = max([0.04, *(mark.probability for mark in found)])
        grid = PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0)
        maps.append(
            LikelihoodMap(
                sop_instance_uid=slab.slice.sop_instance_uid,
                logit=0.0,
                likelihood_YX=blood.get(index, np.zeros((CELLS, CELLS), np.float32)),
                grid=grid,
                frame_number=slab.slice.frame_number,
                size_px=series.slices[0].hu_YX.shape[0],
                region_from=0.5,
            )
        )
        for member in slab.members:
            readings[member.image] = SliceReading(
                sop_instance_uid=member.sop_instance_uid,
                sop_class_uid=member.sop_class_uid,
                position_mm=member.position_mm,
                probability=probability,
                findings=found if member.image == slab.slice.image else (),
                frame_number=member.frame_number,
            )
    return Reading(
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        bundle=BundleId(name="golden", sha256="ab" * 32),
        series_probability=max(reading.probability for reading in readings.values()),
        threshold=0.5,
        slices=tuple(readings[slice_.image] for slice_ in series.slices),
        left_out=series.left_out,
        missing=series.missing,
        warnings=series.warnings,
        maps=tuple(maps),
    )


def write(
    planted: PhantomStudy,
    sent: list[Dataset],
    *,
    slab_mm: float = 0.0,
    positive: bool = True,
    before: int = 0,
    revision: int = 1,
    predecessor: Predecessor | None = None,
) -> Golden:
    series = read_series(sent)
    reading = read(planted, series, slab_mm=slab_mm, positive=positive, before=before)
    digest = sha256(b"".join(dataset.PixelData for dataset in sent)).hexdigest()
    source = SourceSeries(
        series=series, datasets=sent, digest=digest, revision=revision, predecessor=predecessor
    )
    results = list(
        write_report(
            source,
            reading=reading,
            likelihood_on_slice=likelihood_of(reading),
            algorithm=ALGORITHM,
            options=EVERYTHING,
            at=AT,
        )
    )
    return Golden(datasets=sent, series=series, reading=reading, results=results)


def late() -> Golden:
    """The second revision of a series whose last slices came late."""
    planted = study()
    first = write(planted, datasets(planted)[:20])
    report = first.results[0].dataset
    predecessor = Predecessor(
        series_instance_uid=report.SeriesInstanceUID,
        sop_class_uid=report.SOPClassUID,
        sop_instance_uid=report.SOPInstanceUID,
        at=AT - timedelta(minutes=31),
    )
    return write(planted, datasets(planted), revision=2, predecessor=predecessor)


def without_type_2(dataset: Dataset) -> None:
    for keyword in TYPE_2:
        dataset.pop(keyword, None)


def to_jpeg_2000(dataset: Dataset) -> None:
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)


def plain(change: Callable[[Dataset], object] = lambda _: None, **options: object) -> Golden:
    return write(study(), datasets(study(), change), **options)


def tilted() -> Golden:
    return write(study(tilt_deg=17.0), datasets(study(tilt_deg=17.0)))


def thin() -> Golden:
    return write(study(thin=True), datasets(study(thin=True)), slab_mm=SLAB_MM)


def enhanced() -> Golden:
    """One Enhanced CT object, its frames not in the order of their positions, and two rescales."""
    classic = datasets(study())
    order = [*range(1, len(classic), 2), *range(0, len(classic), 2)]
    return write(study(), [to_enhanced(classic, order=order, intercepts=(-1024, -1000))])


def hole() -> Golden:
    """The middle of the head did not come, and no blood was found in the rest."""
    whole = datasets(study())
    middle = len(whole) // 2
    return write(study(), [*whole[: middle - 6], *whole[middle + 6 :]], positive=False)


def two_acquisitions() -> Golden:
    """One series, each position twice: the second time it bleeds."""
    bleeding = datasets(study())
    calm = make_study(7, bleeds=(), rows=256, tilt_deg=0.0).datasets()
    for number, (first, second) in enumerate(zip(calm, bleeding, strict=True), start=1):
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            first[keyword] = second[keyword]
        first.SOPInstanceUID = f"{second.SOPInstanceUID[:50]}.{number}"
        first.AcquisitionNumber, second.AcquisitionNumber = 1, 2
        first.InstanceNumber, second.InstanceNumber = number, len(calm) + number
    return write(study(), [*calm, *bleeding], before=len(calm))


STUDIES: dict[str, Callable[[], Golden]] = {
    "positive": plain,
    "negative": lambda: plain(positive=False),
    "Japanese names": lambda: plain(in_japanese),
    "missing type 2": lambda: plain(without_type_2),
    "tilted": tilted,
    "late slices": late,
    "JPEG 2000": lambda: plain(to_jpeg_2000),
    "thin": thin,
    "enhanced": enhanced,
    "concatenation": lambda: write(study(), concatenation(datasets(study()), [16, 16])),
    "hole": hole,
    "two acquisitions": two_acquisitions,
    "illegal identity": lambda: plain(with_illegal_identity),
    "no frame of reference": lambda: plain(lambda dataset: dataset.pop("FrameOfReferenceUID")),
}


@cache
def golden(name: str) -> Golden:
    """Built once a session; nobody changes it."""
    return STUDIES[name]()
