"""A small series with one mark and all objects that are made of it, whose attributes the statement
lists.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from ich_node.answer import WithdrawalReason
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.report import (
    Algorithm,
    ReportOptions,
    ResultObject,
    SourceSeries,
    WithdrawnResults,
    write_rejection_note,
    write_report,
)
from ich_node.series.series import Series, Slice

SIDE_PX = 64
MARK = Finding(row=30.0, column=20.0, likelihood=3.0, probability=0.9)


@dataclass(frozen=True, kw_only=True)
class Example:
    """header: of the first source image."""

    header: Dataset
    results: list[ResultObject]


def example(number: int) -> Example:
    """Examples with different numbers differ in every value that is not constant."""
    slices = tuple(_slice(number, index) for index in range(1, number + 1))
    series = Series(
        study_instance_uid=f"1.2.{number}", series_instance_uid=f"1.2.{number}.1", slices=slices
    )
    headers = [_header(number, series, slice_) for slice_ in slices]
    bundle = BundleId(name=f"bundle-{number}", sha256=f"{number:02x}" * 32)
    reading = Reading(
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        bundle=bundle,
        series_probability=0.9,
        threshold=0.5,
        slices=tuple(
            _reading(slice_, (MARK,) if slice_ is slices[-1] else ()) for slice_ in slices
        ),
        left_out=(),
        maps=tuple(_map(slice_) for slice_ in slices),
    )
    algorithm = Algorithm(
        name="ICH MIL",
        version=f"0.{number}",
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        details="threshold 50 %",
    )
    ae_title = f"AE{number}"
    at = datetime(2000, 1, number, 12, 0, number, tzinfo=timezone(timedelta(hours=number)))
    written = write_report(
        SourceSeries(series=series, datasets=headers, digest=bundle.sha256, revision=1),
        reading=reading,
        likelihood_on_slice=_flat,
        algorithm=algorithm,
        options=ReportOptions(parametric_map=True, segmentation=True, ae_title=ae_title),
        at=at,
    )
    results = list(written)
    note = write_rejection_note(
        WithdrawnResults(
            headers=[result.dataset for result in results],
            description=str(headers[0].get("SeriesDescription", "")),
            revision=1,
        ),
        WithdrawalReason.QUALITY,
        algorithm=algorithm,
        ae_title=ae_title,
        at=at,
    )
    return Example(header=headers[0], results=[*results, note])


def _slice(number: int, index: int) -> Slice:
    return Slice(
        sop_instance_uid=f"1.2.{number}.1.{index}",
        sop_class_uid=CTImageStorage,
        hu_YX=np.full((SIDE_PX, SIDE_PX), 30 + number, np.int16),
        padding_YX=np.zeros((SIDE_PX, SIDE_PX), bool),
        pixel_spacing_mm=(1.0 + number, 1.0 + number),
        image_position_mm=(float(number), 0.0, 5.0 * index),
        image_orientation=(1.0, 0.0, 0.0, 0.0, (-1.0) ** number, 0.0),
        position_mm=5.0 * index,
        frame_of_reference_uid=f"1.2.{number}.2",
        instance_number=index,
    )


def _header(number: int, series: Series, slice_: Slice) -> Dataset:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = slice_.sop_class_uid, slice_.sop_instance_uid
    header.StudyInstanceUID, header.SeriesInstanceUID = (
        series.study_instance_uid,
        series.series_instance_uid,
    )
    header.PatientName, header.PatientID, header.IssuerOfPatientID = (
        f"Name^{number}",
        f"ID{number}",
        f"Issuer{number}",
    )
    header.PatientBirthDate, header.PatientSex, header.PatientAge = (
        f"195001{number:02}",
        "FM"[number % 2],
        f"0{number:02}Y",
    )
    header.PatientComments, header.PatientSize, header.PatientWeight = (
        f"comment {number}",
        f"1.{number}",
        f"7{number}",
    )
    header.StudyDate, header.StudyTime, header.StudyID = (
        f"200001{number:02}",
        f"1200{number:02}",
        f"S{number}",
    )
    header.StudyDescription, header.AccessionNumber = f"study {number}", f"A{number}"
    header.ReferringPhysicianName, header.AdditionalPatientHistory = (
        f"Doctor^{number}",
        f"history {number}",
    )
    header.Modality, header.RescaleIntercept, header.RescaleSlope, header.RescaleType = (
        "CT",
        f"-{number}",
        f"1.{number}",
        "HU",
    )
    header.SliceThickness, header.Rows, header.Columns = f"{number}.5", SIDE_PX, SIDE_PX
    header.PixelSpacing = list(slice_.pixel_spacing_mm)
    header.ImagePositionPatient, header.ImageOrientationPatient = (
        list(slice_.image_position_mm),
        list(slice_.image_orientation),
    )
    header.FrameOfReferenceUID, header.PositionReferenceIndicator = (
        slice_.frame_of_reference_uid,
        f"indicator {number}",
    )
    return header


def _reading(slice_: Slice, findings: tuple[Finding, ...]) -> SliceReading:
    return SliceReading(
        sop_instance_uid=slice_.sop_instance_uid,
        sop_class_uid=slice_.sop_class_uid,
        position_mm=slice_.position_mm,
        probability=0.9 if findings else 0.1,
        findings=findings,
    )


def _map(slice_: Slice) -> LikelihoodMap:
    grid = PixelGrid(row_scale=1, row_offset=0, column_scale=1, column_offset=0)
    return LikelihoodMap(
        sop_instance_uid=slice_.sop_instance_uid,
        logit=0.0,
        likelihood_YX=np.ones((4, 4), np.float32),
        grid=grid,
        size_px=SIDE_PX,
        region_from=0.5,
    )


def _flat(_: LikelihoodMap, slice_: Slice) -> NDArray[np.float32]:
    return np.full(slice_.hu_YX.shape, 0.5, np.float32)
