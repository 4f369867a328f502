"""An overlay picture as DICOM: Secondary Capture, placed where its slice is."""

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.report import codes
from ich_node.report.context import RESEARCH_USE, Context, ReadSlice, without_person
from ich_node.report.overlay import render_overlay
from ich_node.report.result import ResultObject

SERIES_NUMBER = 9002
SERIES_DESCRIPTION = "ICH AI overlay (research use only)"
DERIVATION = "CT slice in the brain window (40/80 HU), likelihood of hemorrhage in colour, findings as x"


def write_overlay(context: Context, read: ReadSlice, likelihood_YX: NDArray[np.float32]) -> ResultObject:
    """likelihood_YX: 0..1 in the pixels of the slice."""
    rgb_YXC = render_overlay(
        read.slice,
        likelihood_YX,
        read.findings,
        probability=read.reading.probability,
        number=read.number,
        total=len(context.slices),
        version=context.algorithm.version,
    )
    image = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=without_person(read.header),
        pixel_array=rgb_YXC,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=patient_orientation(read.slice.image_orientation),
        pixel_spacing=tuple(read.header.PixelSpacing),
        series_instance_uid=context.uids.make("overlay series"),
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
        sop_instance_uid=context.uids.make("overlay", read.slice.sop_instance_uid),
        instance_number=read.number,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **context.equipment(),
    )
    _describe(image, context, read)
    _place(image, read.header)
    context.finish(image, read.header)
    return ResultObject(kind="overlay", dataset=image)


def patient_orientation(image_orientation: tuple[float, float, float, float, float, float]) -> tuple[str, str]:
    """PS3.3 C.7.6.1.1.1: where rows and columns run to, by the main axis (patient axes run to L, P and H)."""
    return _direction(image_orientation[:3]), _direction(image_orientation[3:])


def _direction(cosines: tuple[float, ...]) -> str:
    axis = int(np.argmax(np.abs(cosines)))
    return "LPH"[axis] if cosines[axis] > 0 else "RAF"[axis]


def _describe(image: Dataset, context: Context, read: ReadSlice) -> None:
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL", "ICH_OVERLAY"]
    image.ConversionType = "WSD"
    image.BodyPartExamined = "HEAD"
    image.BurnedInAnnotation = "YES"
    image.RecognizableVisualFeatures = "NO"
    image.LossyImageCompression = "00"
    image.DerivationDescription = DERIVATION
    image.ImageComments = RESEARCH_USE
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = context.date, context.time
    purpose = hd.sr.CodedConcept.from_code(codes.SOURCE_IMAGE)
    image.SourceImageSequence = [_reference(read.header)]
    image.SourceImageSequence[0].PurposeOfReferenceCodeSequence = [purpose]
    series = Dataset()
    series.SeriesInstanceUID = read.header.SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(read.header)]
    image.ReferencedSeriesSequence = [series]


def _reference(header: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return reference


def _place(image: Dataset, header: Dataset) -> None:
    """Position and orientation mean something only within a frame of reference."""
    if "FrameOfReferenceUID" not in header:
        return
    image.FrameOfReferenceUID = header.FrameOfReferenceUID
    image.PositionReferenceIndicator = header.get("PositionReferenceIndicator", "")
    image.ImagePositionPatient = header.ImagePositionPatient
    image.ImageOrientationPatient = header.ImageOrientationPatient
    if "SliceThickness" in header:
        image.SliceThickness = header.SliceThickness
