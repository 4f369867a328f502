"""Source headers as received -> headers from which results can be built.

Results copy patient and study from their source. What identifies them is copied as it came, legal
or not (`identity.py`). Any other value that breaks its VR would make the results invalid: it is
left out. Attributes of type 2 that are missing are empty.
"""

import math
import re
import warnings
from collections.abc import Collection, Sequence
from itertools import repeat

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless
from pydicom.valuerep import DSfloat, validate_value

from ich_node.dicom.image_id import ImageId
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import NoHounsfieldUnits, ReportError
from ich_node.report.identity import IDENTITY_TAGS, TYPE_2, identity_element
from ich_node.series.attributes import image_of, uid_of
from ich_node.series.frames import frames_of
from ich_node.series.hounsfield import rescale_of
from ich_node.series.series import Series, Slice

# Attributes that differ between slices and are not in a Slice.
OF_A_SLICE = (
    "SliceThickness",
    "RescaleType",
    "PositionReferenceIndicator",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
# JPEG 2000 (.91) is not among them: it may be with or without loss.
ALWAYS_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
ENUMERATED = {
    "PatientIdentityRemoved": {"YES", "NO"},
    "QualityControlSubject": {"YES", "NO"},
}
TEXT_VRS = {
    "AE",
    "AS",
    "CS",
    "DA",
    "DS",
    "DT",
    "IS",
    "LO",
    "PN",
    "SH",
    "TM",
}  # one line: no control characters
PARAGRAPH_VRS = {"LT", "ST", "UC", "UR", "UT"}
BINARY_VRS = {"FL", "FD", "SL", "SS", "UL", "US"}
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
UTC_OFFSET = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")


def to_evidence(series: Series, datasets: Sequence[Dataset]) -> list[Dataset]:
    """One clean header per Slice, in the order of the Series, with the geometry of the Slice.

    Patient and study are in the first header alone: they are the same in all, and are copied once.

    Raises ReportError if the source lacks a UID that the results refer to.
    """
    by_image = _by_image(series, datasets)
    check_uids(series)
    return [
        _header(
            series,
            slice_,
            clean(by_image[slice_.image], only=wanted),
            by_image[slice_.image],
        )
        for slice_, wanted in zip(
            series.slices, [(), *repeat(OF_A_SLICE, len(series.slices) - 1)], strict=True
        )
    ]


def _by_image(series: Series, datasets: Sequence[Dataset]) -> dict[ImageId, Dataset]:
    """The headers of the objects that were read, a multi-frame object's as one for each frame."""
    read = {slice_.sop_instance_uid for slice_ in series.slices}
    return {
        image_of(frame): frame
        for dataset in datasets
        if str(dataset.SOPInstanceUID) in read
        for frame in frames_of(dataset)
    }


def to_bare_evidence(
    study_instance_uid: str, series_instance_uid: str, datasets: Sequence[Dataset]
) -> list[Dataset]:
    """One clean header per object of a series that was not read: UIDs, patient and study, without
    geometry.

    An object without a UID is left out. Raises ReportError if the source lacks a UID that the
    results refer to.
    """
    _check_uid("StudyInstanceUID", study_instance_uid)
    _check_uid("SeriesInstanceUID", series_instance_uid)
    headers = []
    for dataset in datasets:
        uid, sop_class = (
            str(uid_of(dataset, keyword)) for keyword in ("SOPInstanceUID", "SOPClassUID")
        )
        if not (uid and sop_class):
            continue
        header = _with_type_2(clean(dataset))
        _set_uid(header, "StudyInstanceUID", study_instance_uid)
        _set_uid(header, "SeriesInstanceUID", series_instance_uid)
        _set_uid(header, "SOPInstanceUID", uid)
        _set_uid(header, "SOPClassUID", sop_class)
        headers.append(header)
    _check_uid("SOPInstanceUID", headers[0].SOPInstanceUID if headers else "")
    return headers


def check_uids(series: Series) -> None:
    """Raises ReportError if the series lacks a UID that results refer to. Any other text is used as
    it came: archives find objects by the same text.
    """
    _check_uid("StudyInstanceUID", series.study_instance_uid)
    _check_uid("SeriesInstanceUID", series.series_instance_uid)
    for slice_ in series.slices:
        _check_uid("SOPInstanceUID", slice_.sop_instance_uid)
        _check_uid("SOPClassUID", slice_.sop_class_uid)


def clean(dataset: Dataset, only: Collection[str] = ()) -> Dataset:
    """A copy in UTF-8, without private attributes and bulk data.

    What identifies patient and study is kept as it came. Any other attribute whose value breaks its
    VR is left out, and so is a sequence with such an attribute in an item. only: the keywords to
    keep; all if empty.
    """
    wanted = {tag_for_keyword(keyword) for keyword in only}
    # pydicom would log each invalid value, which may be data of the patient.
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        kept = Dataset()
        for tag in list(dataset.keys()):
            if wanted and tag not in wanted:
                continue
            copied = identity_element if tag in IDENTITY_TAGS else _clean_element
            element = copied(dataset, tag)
            if element is not None:
                kept.add(element)
    kept.SpecificCharacterSet = "ISO_IR 192"
    return kept


def _check_uid(attribute: str, uid: str) -> None:
    if not uid:
        raise ReportError(f"{attribute} is missing; results cannot refer to the source")


def _set_uid(header: Dataset, keyword: str, uid: str) -> None:
    """As it came; pydicom would warn of an illegal one."""
    header.add(DataElement(keyword, "UI", uid, validation_mode=config.IGNORE))


def _add_rescale(header: Dataset, dataset: Dataset) -> None:
    """The numbers by which the slice was read, as short decimal strings."""
    try:
        slope, intercept = rescale_of(dataset)
    except NoHounsfieldUnits:
        return
    header.RescaleSlope, header.RescaleIntercept = _decimals((slope, intercept))


def _add_lossy_compression(header: Dataset, dataset: Dataset) -> None:
    """Lossy Image Compression stays 01 once pixels were compressed with loss (PS3.3 C.7.6.1.1.5),
    also if only the transfer syntax of the source shows it.
    """
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if "LossyImageCompression" not in header and syntax in ALWAYS_LOSSY:
        header.LossyImageCompression = "01"


def _header(series: Series, slice_: Slice, cleaned: Dataset, dataset: Dataset) -> Dataset:
    header = _with_type_2(cleaned)
    _add_lossy_compression(header, dataset)
    _add_rescale(header, dataset)
    _set_uid(header, "StudyInstanceUID", series.study_instance_uid)
    _set_uid(header, "SeriesInstanceUID", series.series_instance_uid)
    _set_uid(header, "SOPInstanceUID", slice_.sop_instance_uid)
    _set_uid(header, "SOPClassUID", slice_.sop_class_uid)
    header.pop("ReferencedFrameNumber", None)
    if slice_.frame_number is not None:
        header.ReferencedFrameNumber = slice_.frame_number
    header.Rows, header.Columns = slice_.hu_YX.shape
    header.PixelSpacing = _decimals(slice_.pixel_spacing_mm)
    header.ImagePositionPatient = _decimals(slice_.image_position_mm)
    header.ImageOrientationPatient = _decimals(slice_.image_orientation)
    header.pop("FrameOfReferenceUID", None)
    if slice_.frame_of_reference_uid:
        _set_uid(header, "FrameOfReferenceUID", slice_.frame_of_reference_uid)
    header.pop("SliceThickness", None)
    thickness_mm = _thickness_mm(dataset)
    if thickness_mm:
        header.SliceThickness = DSfloat(thickness_mm, auto_format=True)
    return header


def _with_type_2(header: Dataset) -> Dataset:
    """Missing attributes of type 2 are added empty; attributes without their condition or with an
    illegal format are removed.
    """
    for keyword in TYPE_2:
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("DeidentificationMethod") and not header.get(
        "DeidentificationMethodCodeSequence"
    ):
        # De-identification Method is required (type 1C) if Patient Identity Removed is YES.
        header.pop("PatientIdentityRemoved", None)
    if not UTC_OFFSET.fullmatch(str(header.get("TimezoneOffsetFromUTC", ""))):
        header.pop("TimezoneOffsetFromUTC", None)
    return header


def _decimals(numbers: Sequence[float]) -> list[DSfloat]:
    return [DSfloat(number, auto_format=True) for number in numbers]


def _thickness_mm(dataset: Dataset) -> float | None:
    """None if it is missing or no positive number."""
    try:
        value = float(dataset.get("SliceThickness"))
    except PARSING_ERRORS:
        return None
    return value if 0 < value < math.inf else None


def _clean_element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    if tag.is_private or tag.group == 0x7FE0 or not dictionary_has_tag(tag):
        return None
    try:
        element = dataset[tag]
        return DataElement(tag, element.VR, _clean_value(element))
    except PARSING_ERRORS:
        return None


def _clean_value(element: DataElement) -> object:
    """The value to write. Raises ValueError if it breaks its VR, VM or enumeration."""
    if dictionary_VR(element.tag) != element.VR:
        raise ValueError(f"VR {element.VR}")
    if element.VR == "SQ":
        return [_clean_item(item) for item in element.value]
    if element.is_empty:
        return None
    values = list(element.value) if element.VM > 1 else [element.value]
    if len(values) > 1 and dictionary_VM(element.tag) == "1":
        raise ValueError("more than one value")
    cleaned = [_clean_single(element, value) for value in values]
    return cleaned if element.VM > 1 else cleaned[0]


def _clean_single(element: DataElement, value: object) -> object:
    if element.VR == "UI" and not UID(str(value)).is_valid:
        raise ValueError("illegal UID")
    if element.VR in BINARY_VRS or element.VR == "UI":
        return value
    if element.VR not in TEXT_VRS | PARAGRAPH_VRS:
        raise ValueError(f"VR {element.VR} is not for results")
    text = str(value)  # a PersonName decoded; a number as in the source
    if element.VR in TEXT_VRS and CONTROL_CHARACTERS.search(text):
        raise ValueError("control characters")
    validate_value(element.VR, text, config.RAISE)
    if text not in ENUMERATED.get(element.keyword, {text}):
        raise ValueError("not one of the enumerated values")
    return text


def _clean_item(item: Dataset) -> Dataset:
    kept = Dataset()
    for tag in [tag for tag in list(item.keys()) if not tag.is_private]:
        element = _clean_element(item, tag)
        if element is None:
            raise ValueError(f"{tag} in an item")
        kept.add(element)
    if not len(kept):
        raise ValueError("an empty item")
    return kept
