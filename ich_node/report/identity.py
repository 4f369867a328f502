"""What identifies patient and study, copied as it came.

A PACS files an object by these values, compared as text. A result with another value, even a
corrected one, would lie under another patient. So nothing is cleaned here: the validators'
complaint about an illegal value is about its source.
"""

from pydicom import DataElement, Dataset, config
from pydicom.charset import convert_encodings, decode_bytes, default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import TEXT_VR_DELIMS, PersonName

from ich_node.dicom.unreadable import PARSING_ERRORS

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
IDENTITY = (*TYPE_2, "IssuerOfPatientID", "StudyDescription")
IDENTITY_TAGS = frozenset(Tag(keyword) for keyword in IDENTITY)
TEXT_VRS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC"}
TEXT_VRS |= {"UN", "UT"}
# These are text in the character set of the object; the others are ASCII.
IN_CHARACTER_SET = {"LO", "PN", "SH"}
ESCAPE = b"\x1b"
UTF_8 = "UTF8"  # as pydicom calls it


def identity_element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """The element with the same bytes, if they are ASCII or UTF-8, else with the same text in
    UTF-8. None if it is not there, or not text.
    """
    vr = dictionary_VR(tag)
    try:
        element = dataset.get_item(tag)
        if element is None or (element.VR and element.VR not in TEXT_VRS):
            return None
        if isinstance(element, RawDataElement):
            value = _text(element.value or b"", _encodings(dataset), vr)
        else:
            value = _parsed(dataset[tag])
    except PARSING_ERRORS:
        return None
    if isinstance(value, str) and vr == "PN":
        value = value.encode(UTF_8)  # pydicom would drop a "=" at the end of a str
    written = PersonName(value, [UTF_8], validation_mode=config.IGNORE) if vr == "PN" else value
    return DataElement(tag, vr, written, validation_mode=config.IGNORE)


def _encodings(dataset: Dataset) -> list[str]:
    """Latin, if nothing usable is stated."""
    try:
        return convert_encodings(dataset.get("SpecificCharacterSet"))
    except PARSING_ERRORS:
        return [default_encoding]


def _text(raw: bytes, encodings: list[str], vr: str) -> str | bytes:
    """Bytes where the character set does not explain them: they are written as they are."""
    if raw.endswith(b" ") and len(raw) % 2 == 0:
        raw = raw[:-1]  # the padding, which is written again
    if vr not in IN_CHARACTER_SET:
        return raw.decode("latin-1")
    if raw.isascii() and ESCAPE not in raw:
        return raw.decode("ascii")
    if encodings[0] == UTF_8:
        try:
            return raw.decode(UTF_8)
        except UnicodeDecodeError:
            return raw
    text = decode_bytes(raw, encodings, TEXT_VR_DELIMS)
    return raw if "\ufffd" in text else text


def _parsed(element: DataElement) -> str | bytes:
    value = element.value
    if isinstance(value, (str, bytes)):
        return value
    if value is None:
        return ""
    return "\\".join(map(str, value)) if element.VM > 1 else str(value)
