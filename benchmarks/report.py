"""What the results of a positive series cost, beside floors in the same run: `python -m
benchmarks.report`.

All results: 36 slices, 20 of them positive with one finding each. The floor encodes the same
pictures by pydicom alone, in RLE as they are, in Secondary Captures without any other attribute.
Parts of the SR stand beside highdicom's templates for the same content.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage

from benchmarks.highdicom_templates import image_library_of, measurement_groups_of
from benchmarks.side_by_side import TIMING_COLUMNS, Timing, take_turns, timing_cells, write_table
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.phantom import make_study
from ich_node.report import Algorithm, ReportOptions, ResultObject, SourceSeries, write_report
from ich_node.report.context import Context, to_context
from ich_node.report.image_library import image_library
from ich_node.report.measurement_groups import measurement_groups
from ich_node.series.read import read_series
from ich_node.series.series import Series, Slice

ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "15"))
SLICES = 36
POSITIVE = range(8, 28)
AT = datetime(2024, 5, 17, 14, 30, tzinfo=UTC)
ALGORITHM = Algorithm(
    name="benchmark", version="0", bundle_name="none", bundle_sha256="00" * 32, details="none"
)
MOST_OVERLAYS = ReportOptions(max_overlays=len(POSITIVE))


def main() -> None:
    """Write the table."""
    source = _source()
    reading = _reading(source.series)
    pictures_NYXC = [
        result.dataset.pixel_array
        for result in _results(source, reading)
        if result.kind in ("summary", "overlay")
    ]
    context = to_context(source, reading=reading, algorithm=ALGORITHM, options=MOST_OVERLAYS, at=AT)
    headers = [read.header for read in context.positive_slices]
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "all results beside the same pictures by pydicom": (
            partial(_encode_all, source, reading),
            partial(_encode_pictures, pictures_NYXC),
        ),
        "measurement groups of the SR beside highdicom's": (
            partial(_encode_groups, measurement_groups, context),
            partial(_encode_groups, measurement_groups_of, context),
        ),
        "image library of the SR beside highdicom's": (
            lambda: _encoded(image_library(headers)),
            lambda: _encoded(image_library_of(headers)),
        ),
    }
    contestants = {
        f"{name}: {side}": work
        for name, works in pairs.items()
        for side, work in zip(("ours", "beside"), works, strict=True)
    }
    timings = take_turns(contestants, rounds=ROUNDS, repeats=1)
    write_table(
        "report",
        f"Results of a series: {len(source.series.slices)} slices, "
        f"{len(POSITIVE)} findings on as many slices; building and encoding",
        ("what", *TIMING_COLUMNS, "beside: CPU ms", "ours / beside, CPU"),
        [_row(name, timings[f"{name}: ours"], timings[f"{name}: beside"]) for name in pairs],
        packages=("highdicom", "pydicom", "pillow", "numpy"),
    )


def _row(name: str, ours: Timing, beside: Timing) -> list[str]:
    return [
        name,
        *timing_cells(ours),
        f"{beside.cpu_ms:.2f}",
        f"{ours.cpu_ms / beside.cpu_ms:.2f}",
    ]


def _source() -> SourceSeries:
    datasets = make_study(7, bleeds=(), slice_mm=4.0, tilt_deg=0.0).datasets()[:SLICES]
    return SourceSeries(
        series=read_series(datasets), datasets=datasets, digest="00" * 32, revision=1
    )


def _reading(series: Series) -> Reading:
    """A finding on each positive slice, and a likelihood that is high around it."""
    readings = tuple(
        SliceReading(
            sop_instance_uid=slice_.sop_instance_uid,
            sop_class_uid=slice_.sop_class_uid,
            position_mm=slice_.position_mm,
            probability=0.9 if index in POSITIVE else 0.05,
            findings=(Finding(row=200.0 + index, column=180.0, likelihood=4.5, probability=0.9),)
            if index in POSITIVE
            else (),
        )
        for index, slice_ in enumerate(series.slices)
    )
    grid = PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0)
    return Reading(
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        bundle=BundleId(name="none", sha256="00" * 32),
        series_probability=0.9,
        threshold=0.5,
        slices=readings,
        maps=tuple(
            LikelihoodMap(
                sop_instance_uid=each.sop_instance_uid,
                logit=0.0,
                likelihood_YX=np.zeros((4, 4), np.float32),
                grid=grid,
            )
            for each in readings
        ),
    )


def _likelihood(_map: LikelihoodMap, slice_: Slice) -> NDArray[np.float32]:
    rows, columns = slice_.hu_YX.shape
    y_YX, x_YX = np.mgrid[:rows, :columns]
    likelihood_YX: NDArray[np.float32] = np.exp(
        -((y_YX - 210) ** 2 + (x_YX - 180) ** 2) / 2048
    ).astype(np.float32)
    return likelihood_YX


def _results(source: SourceSeries, reading: Reading) -> list[ResultObject]:
    return list(
        write_report(
            source,
            reading=reading,
            likelihood_on_slice=_likelihood,
            algorithm=ALGORITHM,
            options=MOST_OVERLAYS,
            at=AT,
        )
    )


def _encode_all(source: SourceSeries, reading: Reading) -> None:
    for result in _results(source, reading):
        result.encode()


def _encode_pictures(pictures_NYXC: list[NDArray[np.uint8]]) -> None:
    for number, rgb_YXC in enumerate(pictures_NYXC, start=1):
        picture = Dataset()
        picture.file_meta = FileMetaDataset()
        picture.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        picture.SOPClassUID = SecondaryCaptureImageStorage
        picture.SOPInstanceUID = f"1.2.{number}"
        picture.SamplesPerPixel, picture.PhotometricInterpretation = 3, "RGB"
        picture.PlanarConfiguration, picture.PixelRepresentation = 0, 0
        picture.Rows, picture.Columns = rgb_YXC.shape[:2]
        picture.BitsAllocated, picture.BitsStored, picture.HighBit = 8, 8, 7
        picture.PixelData = rgb_YXC.tobytes()
        picture["PixelData"].VR = "OB"
        picture.compress(RLELossless, generate_instance_uid=False)
        dcmwrite(BytesIO(), picture, enforce_file_format=True)


def _encode_groups(build: Callable[[Context], list[Dataset]], context: Context) -> None:
    for group in build(context):
        _encoded(group)


def _encoded(item: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, item)
    encoded: bytes = buffer.getvalue()
    return encoded


if __name__ == "__main__":
    main()
