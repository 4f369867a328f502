"""The pictures as Secondary Captures: the page in a series of its own, and the overlays, with the
position of their slices, in another one.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage
from pydicom.valuerep import DA, TM

from ich_node.dicom.geometry import main_directions
from ich_node.dicom.identity import RESEARCH_USE
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice, ReportOptions
from ich_node.report.overlay import label_lines, render_overlay
from ich_node.report.page import Page, render_page
from ich_node.report.result import ResultObject
from ich_node.report.result_header import ResultHeader
from ich_node.report.slice_name import slice_place
from ich_node.report.tree import code_item, objects_of, references_to

OVERLAY_SERIES_NUMBER = 9002
PAGE_SERIES_NUMBER = 9003
OVERLAY_DERIVATION = (
    "CT slice in the brain window (40/80 HU), likelihood of hemorrhage in colour, "
    "lesions as numbered arrows"
)
PAGE_DERIVATION = (
    "Summary page: the answer, what was not read, lesions, score of each slice, "
    "slices with likelihood in colour"
)


def write_overlay(
    context: Context, read: ReadSlice, likelihood_YX: NDArray[np.float32], contour: float
) -> ResultObject:
    """likelihood_YX: 0 to 1, in the pixels of the slice. contour: where its line is."""
    algorithm = context.result_header.algorithm
    rgb_YXC = render_overlay(
        read.slice,
        likelihood_YX,
        context.lesions,
        contour=contour,
        top=label_lines(
            slice_place(read.slice, read.number),
            read.reading.probability,
            demonstration=algorithm.demonstration,
        ),
        version=algorithm.version,
    )
    image = _capture(
        context.result_header,
        context.options,
        rgb_YXC,
        [read.header],
        kind="overlay",
        of_slice=str(read.slice.image),
        series_number=OVERLAY_SERIES_NUMBER,
        instance_number=read.number + 1,
    )
    image.PatientOrientation = list(main_directions(read.slice.image_orientation))
    image.DerivationDescription = OVERLAY_DERIVATION
    image.ImageComments = _comments(context, read)
    image.PixelSpacing = list(read.header.PixelSpacing)
    _add_position(image, read.header)
    return ResultObject(kind="overlay", dataset=image)


def write_page(
    result_header: ResultHeader, options: ReportOptions, page: Page, headers: Sequence[Dataset]
) -> ResultObject:
    """headers: of what it is about. It shows several slices, so it has no position."""
    image = _capture(
        result_header,
        options,
        render_page(page),
        headers,
        kind="summary",
        series_number=PAGE_SERIES_NUMBER,
        instance_number=1,
    )
    image.PatientOrientation = ""
    image.DerivationDescription = PAGE_DERIVATION
    image.ImageComments = RESEARCH_USE
    return ResultObject(kind="summary", dataset=image)


def _capture(
    result_header: ResultHeader,
    options: ReportOptions,
    rgb_YXC: NDArray[np.uint8],
    headers: Sequence[Dataset],
    *,
    kind: str,
    of_slice: str = "",
    series_number: int,
    instance_number: int,
) -> hd.base.SOPClass:
    image = hd.base.SOPClass(
        study_instance_uid=result_header.source_header.StudyInstanceUID,
        series_instance_uid=result_header.uids.make(f"{kind} series"),
        series_number=series_number,
        series_description=result_header.source.of_results(kind),
        sop_instance_uid=result_header.uids.make(kind, of_slice),
        sop_class_uid=SecondaryCaptureImageStorage,
        instance_number=instance_number,
        modality="OT",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **result_header.equipment(),
    )
    _add_pixels(image, rgb_YXC, options)
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL", f"ICH_{kind.upper()}"]
    image.ConversionType = "WSD"
    image.BodyPartExamined = "HEAD"
    # nothing that identifies the patient is in the pixels
    image.BurnedInAnnotation = "NO"
    image.RecognizableVisualFeatures = "NO"
    _add_lossy_compression(image, headers)
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = (
        DA(result_header.date),
        TM(result_header.time),
    )
    _add_references(image, headers)
    result_header.finish(image)
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
