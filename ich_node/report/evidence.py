"""Source headers as received -> headers from which results can be built.

Results copy patient and study from their source. A value that breaks its VR would make the results
invalid, too: it is left out, and attributes of type 2 are left empty.
"""

import re
import warnings
from collections.abc import Collection, Sequence
from itertools import repeat

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_has_tag, dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless
from pydicom.valuerep import DSfloat, validate_value

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import ReportError
from ich_node.series.series import Series, Slice

# PS3.3 Table C.7-1 and C.7-3, type 2.
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
# Attributes that differ between slices and are not in a Slice.
OF_A_SLICE = (
    "SliceThickness",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "PositionReferenceIndicator",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
# JPEG 2000 (.91) is not among them: it may be with or without loss.
ALWAYS_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
ENUMERATED = {
    "PatientSex": {"M", "F", "O"},
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

    Raises ReportError if the source has UIDs that DICOM cannot refer to.
    """
    by_uid = {str(dataset.SOPInstanceUID): dataset for dataset in datasets}
    _check_uid("StudyInstanceUID", series.study_instance_uid)
    _check_uid("SeriesInstanceUID", series.series_instance_uid)
    for slice_ in series.slices:
        _check_uid("SOPInstanceUID", slice_.sop_instance_uid)
        _check_uid("SOPClassUID", slice_.sop_class_uid)
    return [
        _header(
            series,
            slice_,
            _with_lossy_compression(
                clean(by_uid[slice_.sop_instance_uid], only=wanted), by_uid[slice_.sop_instance_uid]
            ),
        )
        for slice_, wanted in zip(
            series.slices, [(), *repeat(OF_A_SLICE, len(series.slices) - 1)], strict=True
        )
    ]


def to_bare_evidence(
    study_instance_uid: str, series_instance_uid: str, datasets: Sequence[Dataset]
) -> list[Dataset]:
    """One clean header per object of a series that was not read: UIDs, patient and study, without
    geometry.

    Raises ReportError if the source has UIDs that DICOM cannot refer to.
    """
    _check_uid("StudyInstanceUID", study_instance_uid)
    _check_uid("SeriesInstanceUID", series_instance_uid)
    headers = []
    for dataset in datasets:
        uid = str(dataset.get("SOPInstanceUID") or "")
        _check_uid("SOPInstanceUID", uid)
        header = _with_type_2(clean(dataset))
        header.StudyInstanceUID, header.SeriesInstanceUID = study_instance_uid, series_instance_uid
        header.SOPInstanceUID, header.SOPClassUID = uid, dataset.SOPClassUID
        headers.append(header)
    return headers


def clean(dataset: Dataset, only: Collection[str] = ()) -> Dataset:
    """A copy in UTF-8, without invalid values, private attributes and bulk data.

    An attribute whose value breaks its VR is left out, and so is a sequence with such an attribute
    in an item. only: the keywords to keep; all if empty.
    """
    wanted = {tag_for_keyword(keyword) for keyword in only}
    # pydicom would log each invalid value, which may be data of the patient.
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        kept = Dataset()
        for tag in list(dataset.keys()):
            if wanted and tag not in wanted:
                continue
            element = _clean_element(dataset, tag)
            if element is not None:
                kept.add(element)
    kept.SpecificCharacterSet = "ISO_IR 192"
    return kept


def _check_uid(attribute: str, uid: str) -> None:
    if not UID(uid).is_valid:
        raise ReportError(f"{attribute} {uid!r} is not a legal UID; results cannot refer to it")


def _with_lossy_compression(header: Dataset, dataset: Dataset) -> Dataset:
    """Lossy Image Compression stays 01 once pixels were compressed with loss (PS3.3 C.7.6.1.1.5),
    also if only the transfer syntax of the source shows it.
    """
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    if "LossyImageCompression" not in header and syntax in ALWAYS_LOSSY:
        header.LossyImageCompression = "01"
    return header


def _header(series: Series, slice_: Slice, cleaned: Dataset) -> Dataset:
    header = _with_type_2(cleaned)
    header.StudyInstanceUID = series.study_instance_uid
    header.SeriesInstanceUID = series.series_instance_uid
    header.SOPInstanceUID = slice_.sop_instance_uid
    header.SOPClassUID = slice_.sop_class_uid
    header.Rows, header.Columns = slice_.hu_YX.shape
    header.PixelSpacing = _decimals(slice_.pixel_spacing_mm)
    header.ImagePositionPatient = _decimals(slice_.image_position_mm)
    header.ImageOrientationPatient = _decimals(slice_.image_orientation)
    header.pop("FrameOfReferenceUID", None)
    if slice_.frame_of_reference_uid and UID(slice_.frame_of_reference_uid).is_valid:
        header.FrameOfReferenceUID = slice_.frame_of_reference_uid
    if not _is_thickness(header.get("SliceThickness")):
        header.pop("SliceThickness", None)
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


def _is_thickness(value: object) -> bool:
    return isinstance(value, (int, float)) and value > 0


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
