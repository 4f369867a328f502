"""Three studies as a PACS holds them after the node was there: blood, none, and a series that could
not be read.
"""

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pydicom
from pydicom import Dataset

from ich_node.detection.lesions import Lesion
from ich_node.detection.reading import Reading
from ich_node.errors import BoneKernel
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.phantom import PhantomStudy, make_study
from ich_node.report import (
    RefusedSeries,
    ReportOptions,
    ResultObject,
    SourceSeries,
    lesions_of,
    write_refusal,
    write_report,
)
from ich_node.report.algorithm import algorithm_of
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.support.enhanced import to_enhanced
from tests.support.report.report_examples import ALGORITHM, AT, read_by_hand

DIGEST = "00" * 32


@dataclass(frozen=True, kw_only=True)
class Study:
    """What the scanner sent, and what the node added."""

    datasets: list[Dataset]
    results: list[ResultObject]

    @property
    def uid(self) -> str:
        return str(self.datasets[0].StudyInstanceUID)

    def files(self) -> list[bytes]:
        return [*map(as_file, self.datasets), *(result.encode() for result in self.results)]

    def of_kind(self, kind: str) -> list[Dataset]:
        return [result.dataset for result in self.results if result.kind == kind]


@dataclass(frozen=True, kw_only=True)
class Positive(Study):
    series: Series
    reading: Reading

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        return lesions_of(self.series, self.reading)


def as_file(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@cache
def positive() -> Positive:
    """Two planted bleeds, read by the bundle that comes with the node."""
    return _read(make_study(7, bleeds=("IPH", "SDH"), tilt_deg=0.0).datasets())


@cache
def enhanced() -> Positive:
    """The same bleeds in another head, whose slices are the frames of one object, out of order."""
    classic = make_study(10, bleeds=("IPH", "SDH"), tilt_deg=0.0).datasets()
    order = [*range(1, len(classic), 2), *range(0, len(classic), 2)]
    return _read([to_enhanced(classic, order=order)])


def _read(datasets: list[Dataset]) -> Positive:
    series = read_series(datasets)
    detector = Detector(open_bundle(shipped_bundle()))
    reading = detector.read(series)
    results = write_report(
        SourceSeries(series=series, datasets=datasets, digest=DIGEST, revision=1),
        reading=reading,
        likelihood_on_slice=detector.likelihood_on_slice,
        algorithm=algorithm_of(detector.bundle),
        options=ReportOptions(max_overlays=30, segmentation=True),
        at=AT,
    )
    return Positive(datasets=datasets, results=list(results), series=series, reading=reading)


def _without_blood(seed: int) -> PhantomStudy:
    return make_study(seed, bleeds=(), rows=256, tilt_deg=0.0)


@cache
def negative() -> Study:
    """A head without blood; the slice in the middle is the likeliest."""
    datasets = _without_blood(8).datasets()
    series = read_series(datasets)
    source = SourceSeries(series=series, datasets=datasets, digest=DIGEST, revision=1)
    probabilities = [0.01] * len(series.slices)
    probabilities[len(probabilities) // 2] = 0.04
    reading = read_by_hand(source, probabilities, {})
    results = list(
        write_report(
            source,
            reading=reading,
            likelihood_on_slice=_no_map,
            algorithm=ALGORITHM,
            options=ReportOptions(),
            at=AT,
        )
    )
    return Study(datasets=datasets, results=results)


def _no_map(*_: object) -> None:  # type: ignore[return]
    raise AssertionError("a negative reading has no pictures")


@cache
def refused() -> Study:
    """A series of the bone kernel."""
    datasets = _without_blood(9).datasets()
    unread = RefusedSeries(
        study_instance_uid=str(datasets[0].StudyInstanceUID),
        series_instance_uid=str(datasets[0].SeriesInstanceUID),
        datasets=datasets,
        digest=DIGEST,
        revision=1,
    )
    document = write_refusal(
        unread,
        reason=BoneKernel.reason,
        detail="kernel H70h",
        algorithm=ALGORITHM,
        options=ReportOptions(),
        at=AT,
    )
    assert document is not None
    return Study(datasets=datasets, results=[document])
