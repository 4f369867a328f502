"""The marks over the original slices, as a Grayscale Softcopy Presentation State in the brain
window.

Each mark is an x: a POINT and two lines with the tracking UID of the lesion. Coordinates are those
of the SR: 0\\0 is the top-left corner of the first pixel.
"""

from collections.abc import Sequence

import highdicom as hd
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, GrayscaleSoftcopyPresentationStateStorage
from pydicom.valuerep import DA, TM

from ich_node.detection.lesions import Lesion, Mark
from ich_node.detection.network_input import BRAIN
from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE, RESEARCH_USE_ONLY
from ich_node.percent import percent_text
from ich_node.report.context import Context, ReadSlice
from ich_node.report.measurement_groups import column_row
from ich_node.report.result import ResultObject
from ich_node.report.slice_name import slice_name
from ich_node.report.tree import reference_to, references_to

SERIES_NUMBER = 9004
CONTENT_LABEL = "ICH_AI_MARKERS"
LAYER = "ICH_AI"
ORANGE_CIELAB = [48000, 40000, 52000]  # PS3.3 C.10.7.1.1: scaled to 16 bits
ARM_MM = 4.0  # from the mark to the end of a line


def write_presentation_states(context: Context) -> list[ResultObject]:
    """One for all positive slices that have the same rescale and matrix, since a state has one
    rescale and one displayed area for all its images.
    """
    alike: dict[tuple[object, ...], list[ReadSlice]] = {}
    for read in context.positive_slices:
        alike.setdefault(_rescale_and_matrix(read.header), []).append(read)
    return [_write(context, reads, number) for number, reads in enumerate(alike.values(), start=1)]


def _rescale_and_matrix(header: Dataset) -> tuple[object, ...]:
    rescale = (
        str(header.get(keyword)) for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType")
    )
    return (*rescale, header.Rows, header.Columns, *map(float, header.PixelSpacing))


def _write(context: Context, reads: Sequence[ReadSlice], number: int) -> ResultObject:
    result_header = context.result_header
    state = hd.base.SOPClass(
        study_instance_uid=result_header.source_header.StudyInstanceUID,
        series_instance_uid=result_header.uids.make("presentation state series"),
        series_number=SERIES_NUMBER,
        series_description=result_header.source.of_results("markers"),
        sop_instance_uid=result_header.uids.make("presentation state", index=number),
        sop_class_uid=GrayscaleSoftcopyPresentationStateStorage,
        instance_number=number,
        modality="PR",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **{
            name: value
            for name, value in result_header.equipment().items()
            if not name.startswith("content_")
        },
    )
    state.BodyPartExamined = "HEAD"
    state.ContentLabel, state.ContentDescription, state.ContentCreatorName = (
        CONTENT_LABEL,
        RESEARCH_USE,
        "",
    )
    state.PresentationCreationDate, state.PresentationCreationTime = (
        DA(result_header.date),
        TM(result_header.time),
    )
    state.ReferencedSeriesSequence = [_series(reads)]
    _add_grey_values(state, reads[0].header)
    state.DisplayedAreaSelectionSequence = [_displayed_area(reads[0].header)]
    state.GraphicLayerSequence = [_layer()]
    state.GraphicAnnotationSequence = [_annotation(context, read) for read in reads]
    result_header.finish(state)
    return ResultObject(kind="presentation_state", dataset=state)


def _series(reads: Sequence[ReadSlice]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = reads[0].header.SeriesInstanceUID
    series.ReferencedImageSequence = references_to(read.header for read in reads)
    return series


def _add_grey_values(state: Dataset, header: Dataset) -> None:
    """Stored values -> HU by the rescale of the source; HU -> brain window."""
    if "RescaleIntercept" in header and "RescaleSlope" in header:
        state.RescaleIntercept, state.RescaleSlope = header.RescaleIntercept, header.RescaleSlope
        state.RescaleType = header.get("RescaleType") or "HU"
    window = Dataset()
    window.WindowCenter, window.WindowWidth = BRAIN.centre_hu, BRAIN.width_hu
    state.SoftcopyVOILUTSequence = [window]
    state.PresentationLUTShape = "IDENTITY"


def _displayed_area(header: Dataset) -> Dataset:
    """The whole image with the aspect ratio of its pixels."""
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [header.Columns, header.Rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelSpacing = list(header.PixelSpacing)
    return area


def _layer() -> Dataset:
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = LAYER, 1
    layer.GraphicLayerRecommendedDisplayCIELabValue = ORANGE_CIELAB
    layer.GraphicLayerDescription = "marks of the AI, research use only"
    return layer


def _annotation(context: Context, read: ReadSlice) -> Dataset:
    annotation = Dataset()
    annotation.GraphicLayer = LAYER
    annotation.ReferencedImageSequence = [reference_to(read.header)]
    marks = context.marks_on(read)
    annotation.TextObjectSequence = [
        _label(_words(context, read)),
        *(_number(lesion, mark, read.header) for lesion, mark in marks),
    ]
    if marks:
        annotation.GraphicObjectSequence = [
            part for lesion, mark in marks for part in _cross(context, lesion, mark, read.header)
        ]
    return annotation


def _words(context: Context, read: ReadSlice) -> str:
    algorithm = context.result_header.algorithm
    demonstration = f"{DEMONSTRATION_MODEL}. " if algorithm.demonstration else ""
    name = slice_name(read.slice, read.number)
    score = percent_text(read.reading.probability)
    return f"AI: {name}, p {score}. {demonstration}{RESEARCH_USE_ONLY}"


def _label(text: str) -> Dataset:
    """A text along the lower edge of the display."""
    label = Dataset()
    label.UnformattedTextValue = text
    label.BoundingBoxAnnotationUnits = "DISPLAY"
    label.BoundingBoxTopLeftHandCorner, label.BoundingBoxBottomRightHandCorner = (
        [0.02, 0.93],
        [0.98, 0.98],
    )
    label.BoundingBoxTextHorizontalJustification = "LEFT"
    return label


def _number(lesion: Lesion, mark: Mark, header: Dataset) -> Dataset:
    column, row = column_row(mark)
    label = Dataset()
    label.UnformattedTextValue = f"{lesion.number}"
    label.AnchorPointAnnotationUnits = "PIXEL"
    label.AnchorPoint = [
        column + ARM_MM / float(header.PixelSpacing[1]),
        row - ARM_MM / float(header.PixelSpacing[0]),
    ]
    label.AnchorPointVisibility = "N"
    return label


def _cross(context: Context, lesion: Lesion, mark: Mark, header: Dataset) -> list[Dataset]:
    column, row = column_row(mark)
    right, down = ARM_MM / float(header.PixelSpacing[1]), ARM_MM / float(header.PixelSpacing[0])
    falling = [column - right, row - down, column + right, row + down]
    rising = [column - right, row + down, column + right, row - down]
    parts = [
        _graphic("POINT", [column, row]),
        _graphic("POLYLINE", falling),
        _graphic("POLYLINE", rising),
    ]
    for part in parts:
        part.TrackingID, part.TrackingUID = f"lesion {lesion.number}", context.tracking_uid(lesion)
    return parts


def _graphic(graphic_type: str, data: list[float]) -> Dataset:
    graphic = Dataset()
    graphic.GraphicAnnotationUnits, graphic.GraphicDimensions = "PIXEL", 2
    graphic.GraphicType, graphic.NumberOfGraphicPoints = graphic_type, len(data) // 2
    graphic.GraphicData, graphic.GraphicFilled = data, "N"
    return graphic
