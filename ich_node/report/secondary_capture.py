"""The pictures as Secondary Captures in one series: the summary page first, then the overlays with
the position of their slices.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage
from pydicom.valuerep import DA, TM

from ich_node.dicom.identity import RESEARCH_USE
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice, ReportOptions
from ich_node.report.overlay import render_overlay
from ich_node.report.result import ResultObject
from ich_node.report.summary import Tile, render_summary
from ich_node.report.tree import code_item, objects_of, references_to

SERIES_NUMBER = 9002
OVERLAY_DERIVATION = (
    "CT slice in the brain window (40/80 HU), likelihood of hemorrhage in colour, "
    "lesions as numbered x"
)
SUMMARY_DERIVATION = (
    "Summary page: the answer, lesions, probability of each slice, "
    "positive slices with likelihood in colour"
)


def write_overlay(
    context: Context, read: ReadSlice, likelihood_YX: NDArray[np.float32]
) -> ResultObject:
    """likelihood_YX: 0 to 1, in the pixels of the slice."""
    rgb_YXC = render_overlay(
        read.slice,
        likelihood_YX,
        context.lesions,
        probability=read.reading.probability,
        number=read.number,
        total=len(context.slices),
        version=context.result_header.algorithm.version,
    )
    image = _capture(context, rgb_YXC, "overlay", [read], instance_number=read.number + 1)
    image.DerivationDescription = OVERLAY_DERIVATION
    image.ImageComments = _comments(context, read)
    image.PixelSpacing = list(read.header.PixelSpacing)
    _add_position(image, read.header)
    return ResultObject(kind="overlay", dataset=image)


def write_summary(context: Context, tiles: Sequence[Tile]) -> ResultObject:
    """The summary page. It shows several slices, so it has no position."""
    image = _capture(
        context,
        render_summary(context, tiles),
        "summary",
        context.positive_slices,
        instance_number=1,
    )
    image.DerivationDescription = SUMMARY_DERIVATION
    image.ImageComments = RESEARCH_USE
    return ResultObject(kind="summary", dataset=image)


def patient_orientation(
    image_orientation: tuple[float, float, float, float, float, float],
) -> tuple[str, str]:
    """Patient Orientation (PS3.3 C.7.6.1.1.1): the main direction of rows and of columns."""
    return _direction(image_orientation[:3]), _direction(image_orientation[3:])


def _direction(cosines: tuple[float, ...]) -> str:
    # The patient axes point to L, P and H.
    axis = int(np.argmax(np.abs(cosines)))
    return "LPH"[axis] if cosines[axis] > 0 else "RAF"[axis]


def _capture(
    context: Context,
    rgb_YXC: NDArray[np.uint8],
    kind: str,
    shown: Sequence[ReadSlice],
    *,
    instance_number: int,
) -> hd.base.SOPClass:
    of_slice = str(shown[0].slice.image) if kind == "overlay" else ""
    image = hd.base.SOPClass(
        study_instance_uid=context.result_header.source_header.StudyInstanceUID,
        series_instance_uid=context.result_header.uids.make("overlay series"),
        series_number=SERIES_NUMBER,
        series_description=context.result_header.source.of_results("overlay"),
        sop_instance_uid=context.result_header.uids.make(kind, of_slice),
        sop_class_uid=SecondaryCaptureImageStorage,
        instance_number=instance_number,
        modality="OT",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **context.result_header.equipment(),
    )
    _add_pixels(image, rgb_YXC, context.options)
    image.PatientOrientation = list(patient_orientation(shown[0].slice.image_orientation))
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL", f"ICH_{kind.upper()}"]
    image.ConversionType = "WSD"
    image.BodyPartExamined = "HEAD"
    image.BurnedInAnnotation = "YES"
    image.RecognizableVisualFeatures = "NO"
    _add_lossy_compression(image, [read.header for read in shown])
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = (
        DA(context.result_header.date),
        TM(context.result_header.time),
    )
    _add_references(image, [read.header for read in shown])
    context.result_header.finish(image)
    return image


def _add_pixels(image: Dataset, rgb_YXC: NDArray[np.uint8], options: ReportOptions) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.Rows, image.Columns = rgb_YXC.shape[:2]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.PixelData = rgb_YXC.tobytes()
    image["PixelData"].VR = "OB"
    if options.compression == "rle":
        image.compress(RLELossless, generate_instance_uid=False)


def _add_lossy_compression(image: Dataset, headers: Sequence[Dataset]) -> None:
    """Lossy Image Compression of a picture whose source was compressed with loss. Ratio and method
    are those of the first such source.
    """
    lossy = [header for header in headers if header.get("LossyImageCompression") == "01"]
    image.LossyImageCompression = "01" if lossy else "00"
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if lossy and keyword in lossy[0]:
            setattr(image, keyword, lossy[0][keyword].value)


def _add_references(image: Dataset, headers: Sequence[Dataset]) -> None:
    series = Dataset()
    series.SeriesInstanceUID = headers[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = objects_of(headers)
    image.ReferencedSeriesSequence = [series]
    image.SourceImageSequence = references_to(headers)
    for item in image.SourceImageSequence:
        item.PurposeOfReferenceCodeSequence = [code_item(codes.SOURCE_IMAGE)]


def _comments(context: Context, read: ReadSlice) -> str:
    """Research use, and the tracking UID of each numbered lesion, for which a Secondary Capture has
    no other attribute.
    """
    lesions = {lesion.number: lesion for lesion, _ in context.marks_on(read)}
    tracked = [
        f"Lesion {number}: tracking UID {context.tracking_uid(lesion)}."
        for number, lesion in lesions.items()
    ]
    return " ".join([RESEARCH_USE, *tracked])


def _add_position(image: Dataset, header: Dataset) -> None:
    """Image Plane, if there is a frame of reference: without one, a position has no meaning."""
    if "FrameOfReferenceUID" not in header:
        return
    image.FrameOfReferenceUID = header.FrameOfReferenceUID
    image.PositionReferenceIndicator = header.get("PositionReferenceIndicator", "")
    image.ImagePositionPatient = header.ImagePositionPatient
    image.ImageOrientationPatient = header.ImageOrientationPatient
    if "SliceThickness" in header:
        image.SliceThickness = header.SliceThickness
