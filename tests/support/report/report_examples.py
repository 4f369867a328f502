"""Series and Readings built by hand."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
from pydicom import Dataset

from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.errors import BoneKernel
from ich_node.report import (
    Algorithm,
    RefusedSeries,
    ReportOptions,
    ResultObject,
    SourceSeries,
    write_refusal,
    write_report,
)
from ich_node.series.series import LeftOut, Series, Slice

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY_UID, SERIES_UID, FRAME_UID = (
    "1.2.826.0.1.3680043.8.498.1",
    "1.2.826.0.1.3680043.8.498.2",
    "1.2.826.0.1.3680043.8.498.3",
)
AT = datetime(2024, 5, 17, 14, 30, 15, 250000, tzinfo=UTC)
ALGORITHM = Algorithm(
    name="ICH MIL",
    version="0.1.0",
    bundle_name="test",
    bundle_sha256="ab" * 32,
    details="threshold 0.75; max head",
)


@cache
def head_hu(number: int, rows: int, columns: int) -> np.ndarray:
    """Computed once a session; nobody changes it."""
    rng = np.random.default_rng(number)
    y_YX, x_YX = np.mgrid[:rows, :columns]
    radius_YX = np.hypot((y_YX - rows / 2) / (rows * 0.42), (x_YX - columns / 2) / (columns * 0.34))
    hu_YX = np.where(
        radius_YX < 1,
        32 + rng.normal(0, 6, (rows, columns)),
        np.where(radius_YX < 1.12, 1100, -1000),
    ).astype(np.int16)
    hu_YX.flags.writeable = False
    return hu_YX


def head_slice(
    number: int,
    *,
    rows: int = 512,
    columns: int = 512,
    spacing: tuple[float, float] = (0.45, 0.45),
    frame: str | None = FRAME_UID,
) -> Slice:
    """A disc of brain in a ring of bone, in air."""
    return Slice(
        sop_instance_uid=f"{SERIES_UID}.{number}",
        sop_class_uid=CT,
        hu_YX=head_hu(number, rows, columns),
        padding_YX=np.zeros((rows, columns), bool),
        pixel_spacing_mm=spacing,
        image_position_mm=(-115.0, -115.0, 5.0 * number),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        position_mm=5.0 * number,
        frame_of_reference_uid=frame,
        instance_number=number,
    )


def header(slice_: Slice) -> Dataset:
    """What a scanner says of a slice."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID = slice_.sop_class_uid, slice_.sop_instance_uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY_UID, SERIES_UID
    dataset.StudyDate, dataset.StudyTime = "20240517", "101500"
    dataset.AccessionNumber, dataset.StudyID = "ACC1", "S1"
    dataset.PatientName, dataset.PatientID = "Müller^Eva", "4711"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19500101", "F", "074Y"
    dataset.ReferringPhysicianName = "Who^Doctor"
    dataset.StudyDescription = "Schädel nativ"
    dataset.Manufacturer, dataset.Modality = "Scanner", "CT"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.SliceThickness = "5"
    dataset.Rows, dataset.Columns = slice_.hu_YX.shape
    dataset.PixelSpacing = list(slice_.pixel_spacing_mm)
    dataset.ImagePositionPatient = list(slice_.image_position_mm)
    dataset.ImageOrientationPatient = list(slice_.image_orientation)
    if slice_.frame_of_reference_uid:
        dataset.FrameOfReferenceUID = slice_.frame_of_reference_uid
    return dataset


def make_source(
    count: int = 6, change: Callable[[Dataset], object] = Dataset.keys, **slice_options: object
) -> SourceSeries:
    slices = tuple(head_slice(number, **slice_options) for number in range(1, count + 1))
    datasets = [header(slice_) for slice_ in slices]
    for dataset in datasets:
        change(dataset)
    left_out = (LeftOut(sop_instance_uid="1.2.3", kind="localizer", reason="localizer"),)
    series = Series(
        study_instance_uid=STUDY_UID,
        series_instance_uid=SERIES_UID,
        slices=slices,
        left_out=left_out,
    )
    return SourceSeries(series=series, datasets=datasets, digest="cd" * 32, revision=1)


def bump(row: float, column: float, shape: tuple[int, int], height: float) -> np.ndarray:
    y_YX, x_YX = np.mgrid[: shape[0], : shape[1]]
    sigma = min(shape) / 16
    return (height * np.exp(-((y_YX - row) ** 2 + (x_YX - column) ** 2) / (2 * sigma**2))).astype(
        np.float32
    )


def read_by_hand(
    source: SourceSeries, probabilities: Sequence[float], findings: dict[int, tuple[Finding, ...]]
) -> Reading:
    """A Reading with the given slice probabilities and the findings of slices by index; each slice
    has a map.
    """
    readings = tuple(
        SliceReading(
            sop_instance_uid=slice_.sop_instance_uid,
            sop_class_uid=slice_.sop_class_uid,
            position_mm=slice_.position_mm,
            probability=probability,
            findings=findings.get(index, ()),
            frame_number=slice_.frame_number,
        )
        for index, (slice_, probability) in enumerate(
            zip(source.series.slices, probabilities, strict=True)
        )
    )
    grid = PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0)
    maps = tuple(
        LikelihoodMap(
            sop_instance_uid=reading.sop_instance_uid,
            logit=0.0,
            likelihood_YX=np.zeros((4, 4), np.float32),
            grid=grid,
            frame_number=reading.frame_number,
        )
        for reading in readings
    )
    return Reading(
        study_instance_uid=source.series.study_instance_uid,
        series_instance_uid=source.series.series_instance_uid,
        bundle=BundleId(name="test", sha256="ab" * 32),
        series_probability=max(probabilities),
        threshold=0.75,
        slices=readings,
        left_out=source.series.left_out,
        maps=maps,
    )


def likelihood_of(reading: Reading) -> Callable[[LikelihoodMap, Slice], np.ndarray]:
    """A map with a bump at each finding."""
    by_image = {slice_reading.image: slice_reading for slice_reading in reading.slices}

    def on_slice(likelihood_map: LikelihoodMap, slice_: Slice) -> np.ndarray:
        map_YX = np.zeros(slice_.hu_YX.shape, np.float32)
        for finding in by_image[likelihood_map.image].findings:
            map_YX = np.maximum(
                map_YX, bump(finding.row, finding.column, slice_.hu_YX.shape, finding.probability)
            )
        return map_YX

    return on_slice


def finding(row: float, column: float, probability: float) -> Finding:
    return Finding(row=row, column=column, likelihood=5 * probability, probability=probability)


def positive_reading(source: SourceSeries) -> Reading:
    rows, columns = source.series.slices[0].hu_YX.shape
    probabilities = [0.02] * len(source.series.slices)
    probabilities[2:5] = [0.81, 0.974, 0.9]
    first, second = (
        finding(rows * 0.4, columns * 0.35, 0.97),
        finding(rows * 0.6, columns * 0.62, 0.55),
    )
    return read_by_hand(source, probabilities, {2: (first,), 3: (first, second)})


def negative_reading(source: SourceSeries) -> Reading:
    return read_by_hand(source, [0.02] * len(source.series.slices), {})


def of_kind(results: Sequence[ResultObject], kind: str) -> list[Dataset]:
    return [result.dataset for result in results if result.kind == kind]


def report(source: SourceSeries, reading: Reading, **changes: object) -> list[ResultObject]:
    return list(_objects(source, reading, **changes))


def sr_of(source: SourceSeries, reading: Reading, **changes: object) -> Dataset:
    """The SR alone. It comes first; no picture is rendered before the next object is asked for."""
    return next(_objects(source, reading, **changes)).dataset


def _objects(source: SourceSeries, reading: Reading, **changes: object) -> Iterator[ResultObject]:
    options: dict[str, object] = {
        "algorithm": ALGORITHM,
        "options": ReportOptions(),
        "at": AT,
        **changes,
    }
    return write_report(
        source, reading=reading, likelihood_on_slice=likelihood_of(reading), **options
    )


def refused(source: SourceSeries, **changes: object) -> ResultObject | None:
    facts = {
        "study_instance_uid": source.series.study_instance_uid,
        "series_instance_uid": source.series.series_instance_uid,
        "datasets": source.datasets,
        "digest": source.digest,
        "revision": source.revision,
    }
    unread = RefusedSeries(**{**facts, **changes})
    return write_refusal(
        unread,
        reason=BoneKernel.reason,
        detail="kernel H70h",
        algorithm=ALGORITHM,
        options=ReportOptions(),
        at=AT,
    )
