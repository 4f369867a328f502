"""A multi-frame CT object -> one header per frame, like that of a classic object, so that all that
follows judges a frame as it judges a slice.

What differs between frames is in the functional groups (PS3.3 C.7.6.16 and C.8.15.3), once for all
frames or once for each. DimensionIndexValues and the stacks are ignored: a series is ordered by the
positions of its frames, and so the parts of a concatenation join by themselves.
"""

import re
from collections.abc import Iterator, Sequence

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import TooLarge, Undecodable
from ich_node.series.attributes import integer_of, text_of, uid_of, value_of, values_of
from ich_node.series.frame_pixels import FilePart, FramePixels

MULTI_FRAME_CLASSES = (EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
MOST_FRAMES = 2_000

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
# What they say replaces what the object says.
MACROS = (
    "CTAcquisitionDetailsSequence",
    "CTAcquisitionTypeSequence",
    "CTExposureSequence",
    "CTPositionSequence",
    "CTReconstructionSequence",
    "CTXRayDetailsSequence",
    "FrameContentSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "PlaneOrientationSequence",
    "PlanePositionSequence",
)
# Attributes of the classic objects for which the converter had no other place.
UNASSIGNED = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
PATIENT_GROUP = 0x0010
NOT_OF_A_FRAME = frozenset(
    Tag(keyword) for keyword in (SHARED, PER_FRAME, "NumberOfFrames", "PixelData")
)
MOMENT = re.compile(r"(\d{8})(\d{2,6}(?:\.\d+)?)")  # of a DT
HOUNSFIELD = "[HNSF'U]"  # the code of UCUM, upper case


class FrameHeader(Dataset):
    """A frame's header. frame_number: 1-based; pixels: of all frames of the object."""

    frame_number: int
    pixels: FramePixels


def is_multi_frame(dataset: Dataset) -> bool:
    """An object of a class that holds its slices as frames."""
    return uid_of(dataset, "SOPClassUID") in MULTI_FRAME_CLASSES


def frames_of(dataset: Dataset, pixels: FilePart | None = None) -> list[Dataset]:
    """The frames of a multi-frame object as objects of their own; any other object as it is.

    No pixels are copied, and none are needed. pixels: where they are, if the dataset does not hold
    them. Raises TooLarge or Undecodable.
    """
    if isinstance(dataset, FrameHeader) or not is_multi_frame(dataset):
        return [dataset]
    return list(_frames(dataset, pixels))


def with_pixels(dataset: Dataset) -> Dataset:
    """An object with the pixels of one frame: of a FrameHeader its own, any other object as it is.

    Raises Undecodable if the object ends before the frame does.
    """
    return (
        dataset.pixels.of(dataset, dataset.frame_number)
        if isinstance(dataset, FrameHeader)
        else dataset
    )


def _frames(dataset: Dataset, in_file: FilePart | None) -> Iterator[FrameHeader]:
    name = uid_of(dataset, "SOPInstanceUID")
    count = integer_of(dataset, "NumberOfFrames", 1)
    if not 1 <= count <= MOST_FRAMES:
        raise TooLarge(f"{name}: {count} frames; a head CT has 1 to {MOST_FRAMES}")
    per_frame = _items(dataset, PER_FRAME)
    if len(per_frame) != count:
        raise Undecodable(
            f"{name}: {count} frames stated, functional groups of {len(per_frame)} described"
        )
    shared = _items(dataset, SHARED)[:1]
    pixels = FramePixels(dataset, count, in_file)
    offset = integer_of(dataset, "ConcatenationFrameOffsetNumber", 0)
    meta = getattr(dataset, "file_meta", None)
    of_all = Dataset()
    for tag in list(dataset.keys()):
        if tag not in NOT_OF_A_FRAME and not tag.is_private:
            of_all[tag] = _element(dataset, tag)
    for group in shared:
        _lift_macros(group, of_all)
    for number, own in enumerate(per_frame, start=1):
        frame = FrameHeader()
        frame.frame_number, frame.pixels = number, pixels
        if meta is not None:
            frame.file_meta = meta
        frame.update(of_all)
        _lift_macros(own, frame)
        groups = [own, *shared]
        _set_image_type(frame, _first(groups, "CTImageFrameTypeSequence"))
        _set_kernel(frame)
        _set_body_part(frame, _first(groups, "FrameAnatomySequence"))
        _set_acquisition(frame)
        _drop_contrast(frame, groups)
        _set_unit(frame, groups)
        # what viewers call the image's number, through all parts of a concatenation
        _set(frame, "InstanceNumber", offset + number)
        yield frame


def _lift_macros(group: Dataset, frame: Dataset) -> None:
    """The attributes of the functional groups, each at the place that it has in a classic object.
    The frame's own are lifted after those of all frames, and prevail.
    """
    for macros, replace in ((MACROS, True), (UNASSIGNED, False)):
        for macro in macros:
            for item in _items(group, macro)[:1]:
                _lift(item, frame, replace=replace)


def _first(groups: Sequence[Dataset], keyword: str) -> Dataset:
    """The first item of the sequence in the first group that has it."""
    items = (item for group in groups for item in _items(group, keyword)[:1])
    return next(items, Dataset())


def _lift(item: Dataset, frame: Dataset, *, replace: bool) -> None:
    """Attributes of a functional group become the frame's; never a UID or the patient."""
    for tag in list(item.keys()):
        if tag.is_private or tag.group == PATIENT_GROUP or not (replace or tag not in frame):
            continue
        element = _element(item, tag)
        if element.VR != "UI":
            frame[tag] = element


def _set_image_type(frame: FrameHeader, frame_type: Dataset) -> None:
    """FrameType, with what says that it is a localizer or a projection in words of their own."""
    words = values_of(frame_type, "FrameType") or values_of(frame, "ImageType")
    technique = text_of(frame_type, "VolumeBasedCalculationTechnique")
    if technique not in ("", "NONE"):
        words.append(technique)
    if text_of(frame, "AcquisitionType") == "CONSTANT_ANGLE":
        words.append("LOCALIZER")
    if words:
        _set(frame, "ImageType", words)


def _set_kernel(frame: FrameHeader) -> None:
    """With its group (BRAIN, SOFT_TISSUE, LUNG, BONE), which says what the name only hints at."""
    kernel = [*values_of(frame, "ConvolutionKernel"), *values_of(frame, "ConvolutionKernelGroup")]
    if any(kernel):
        _set(frame, "ConvolutionKernel", [word for word in kernel if word])


def _set_body_part(frame: FrameHeader, anatomy: Dataset) -> None:
    """The region's name where the object has no BodyPartExamined."""
    if text_of(frame, "BodyPartExamined"):
        return
    for region in _items(anatomy, "AnatomicRegionSequence")[:1]:
        if meaning := text_of(region, "CodeMeaning"):
            _set(frame, "BodyPartExamined", meaning)


def _set_acquisition(frame: FrameHeader) -> None:
    if number := integer_of(frame, "FrameAcquisitionNumber", 0):
        _set(frame, "AcquisitionNumber", number)
    moment = text_of(frame, "FrameAcquisitionDateTime") or text_of(frame, "FrameReferenceDateTime")
    if found := MOMENT.match(moment):
        _set(frame, "AcquisitionDateTime", moment)
        _set(frame, "AcquisitionDate", found[1])
        _set(frame, "AcquisitionTime", found[2])


def _drop_contrast(frame: FrameHeader, groups: Sequence[Dataset]) -> None:
    """The object lists the agents of all its frames; this one may say that it shows none."""
    usage = [item for group in groups for item in _items(group, "ContrastBolusUsageSequence")]
    administered = {text_of(item, "ContrastBolusAgentAdministered") for item in usage}
    if administered == {"NO"}:
        frame.pop("ContrastBolusAgentSequence", None)


def _set_unit(frame: FrameHeader, groups: Sequence[Dataset]) -> None:
    """Rescaled values are often called unspecified; what they measure is in another macro then."""
    units = {
        text_of(unit, "CodeValue")
        for group in groups
        for mapping in _items(group, "RealWorldValueMappingSequence")
        for unit in _items(mapping, "MeasurementUnitsCodeSequence")
    }
    if units and HOUNSFIELD not in units:
        _set(frame, "RescaleType", min(units))


def _set(frame: FrameHeader, keyword: str, value: object) -> None:
    """As a new element: the one that is there belongs to all frames."""
    vr = dictionary_VR(keyword)
    frame[keyword] = DataElement(Tag(keyword), vr, value, validation_mode=config.IGNORE)


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence, none where it is missing. Raises Undecodable."""
    value = value_of(dataset, keyword)
    if value is None or value == "":
        return []
    if not isinstance(value, DicomSequence):
        raise Undecodable(f"the attribute {keyword} is damaged")
    return list(value)


def _element(dataset: Dataset, tag: BaseTag) -> DataElement | RawDataElement:
    """As it is where it cannot be read, so that only who asks for it learns of it."""
    try:
        return dataset[tag]
    except PARSING_ERRORS:
        return dataset.get_item(tag)
