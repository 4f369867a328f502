"""The few attributes that receiving needs of an object: its UIDs, what its series is found by, and
where its plane lies. What follows in the data set is not read.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from ich_node.dicom.geometry import orientation_key, slice_position
from ich_node.dicom.legal_uid import is_legal_uid
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.receive.search_words import SearchWords
from ich_node.receive.status import NotStored, Status

UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
PLANE_KEYWORDS = ("ImagePositionPatient", "ImageOrientationPatient")
# in the order of SearchWords
WORD_KEYWORDS = (
    "SpecificCharacterSet",
    "AccessionNumber",
    "PatientID",
    "SeriesDescription",
    "Modality",
)
TAGS: dict[str, BaseTag | int] = {
    keyword: Tag(keyword) for keyword in (*UID_KEYWORDS, *WORD_KEYWORDS, *PLANE_KEYWORDS)
}
WANTED_TAGS, LAST_TAG = frozenset(map(int, TAGS.values())), int(TAGS["ImageOrientationPatient"])
TextOf = Callable[[str], str]  # keyword -> the value without padding, empty if it is missing
LONGEST_DECIMAL_CHARACTERS = 256
# Enough for the elements up to ImageOrientationPatient of usual CT images.
FIRST_BYTES = 8_192
IMPLICIT, EXPLICIT, LONG_LENGTH = (
    struct.Struct("<HHL"),
    struct.Struct("<HH2sH"),
    struct.Struct("<L"),
)
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
UNDEFINED = 0xFFFFFFFF
DELIMITERS = 0xFFFE
ITEM, ITEM_ENDS, SEQUENCE_ENDS = (
    (DELIMITERS, 0xE000),
    (DELIMITERS, 0xE00D, 0),
    (DELIMITERS, 0xE0DD, 0),
)
DEEPEST = 8
LONG_VRS = frozenset(b"OB OD OF OL OV OW SV UC UN UR UT UV".split())


@dataclass(frozen=True, kw_only=True)
class Header:
    """The UIDs of one object, what its series is found by, and where its plane lies.

    orientation, position_mm: see ich_node.dicom.geometry; None if the header has no usable plane.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    orientation: str | None
    position_mm: float | None
    words: SearchWords


def read_header(first: bytes, whole: Callable[[], BinaryIO], transfer_syntax: UID) -> Header:
    """Read the encoded data set up to ImageOrientationPatient.

    first: its first bytes. whole: opens all of it, which unusual headers need. Raises NotStored if
    the bytes are not a data set, or if a UID is missing or illegal.
    """
    text_of = _plain(first, transfer_syntax)
    if text_of is None:
        with whole() as data_set:
            text_of = _by_library(data_set, transfer_syntax)
    sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid = (
        _uid(text_of, keyword) for keyword in UID_KEYWORDS
    )
    orientation, position_mm = _place(text_of)
    return Header(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        orientation=orientation,
        position_mm=position_mm,
        words=SearchWords(*map(text_of, WORD_KEYWORDS)),
    )


def is_cut_short(data: bytes, transfer_syntax: UID) -> bool:
    """Whether the bytes end within an element of a little endian data set; pydicom takes what is
    there. False for an encoding that only pydicom reads.
    """
    offset = 0
    try:
        while offset < len(data):
            _, _, offset = _element(
                data, offset, is_implicit=transfer_syntax.is_implicit_VR, is_wanted=False
            )
    except _Unusual:
        return False
    except struct.error:
        return True
    return offset > len(data)


class _Unusual(Exception):
    """An encoding that only pydicom reads."""


def _plain(first: bytes, transfer_syntax: UID) -> TextOf | None:
    """The wanted elements of a little endian data set, if all of them lie in the first bytes.

    None if anything is unusual. pydicom then reads the header, which takes ten times as long.
    """
    if not transfer_syntax.is_little_endian:
        return None
    is_implicit = transfer_syntax.is_implicit_VR  # pydicom looks it up in a table each time
    found: dict[int, bytes] = {}
    offset = 0
    try:
        while True:
            tag, began, offset = _element(first, offset, is_implicit=is_implicit, is_wanted=True)
            if tag > LAST_TAG:
                return lambda keyword: _stripped(found.get(TAGS[keyword], b""))
            if offset > len(first):
                return None
            if tag in WANTED_TAGS:
                found[tag] = first[began:offset]
    except (_Unusual, struct.error):  # struct.error: the bytes end within an element
        return None


def _element(
    data: bytes, offset: int, *, is_implicit: bool, is_wanted: bool, depth: int = 0
) -> tuple[int, int, int]:
    """The tag of an element, and where its value begins and ends.

    is_wanted: False within sequences, where the wanted tags mean other objects.
    """
    group, element, length = IMPLICIT.unpack_from(data, offset)
    tag = group << 16 | element
    began = offset + IMPLICIT.size
    if group == DELIMITERS:
        raise _Unusual
    is_sequence = is_implicit
    if not is_implicit:
        _, _, vr, length = EXPLICIT.unpack_from(data, offset)
        is_sequence = vr == b"SQ"
        if is_sequence or vr in LONG_VRS:
            length = LONG_LENGTH.unpack_from(data, began)[0]
            began += LONG_LENGTH.size
        elif vr not in SHORT_VRS:
            raise _Unusual
    elif data[offset + 4 : offset + 6].isalpha():
        raise _Unusual  # it looks like explicit VR
    if (
        is_wanted
        and tag in WANTED_TAGS
        and (length == UNDEFINED or (is_sequence and not is_implicit))
    ):
        raise _Unusual
    if length != UNDEFINED:
        return tag, began, began + length
    if not is_sequence or depth > DEEPEST:
        raise _Unusual
    return tag, began, _end_of_sequence(data, began, is_implicit=is_implicit, depth=depth + 1)


def _end_of_sequence(data: bytes, offset: int, *, is_implicit: bool, depth: int) -> int:
    """Where a sequence of undefined length ends (PS3.5 §7.5)."""
    while True:
        group, element, length = IMPLICIT.unpack_from(data, offset)
        offset += IMPLICIT.size
        if (group, element, length) == SEQUENCE_ENDS:
            return offset
        if (group, element) != ITEM:
            raise _Unusual
        if length == UNDEFINED:
            while IMPLICIT.unpack_from(data, offset) != ITEM_ENDS:
                _, _, offset = _element(
                    data, offset, is_implicit=is_implicit, is_wanted=False, depth=depth
                )
            offset += IMPLICIT.size
            continue
        end = offset + length
        while offset < end:  # pydicom reads the elements of the item, too
            _, _, offset = _element(
                data, offset, is_implicit=is_implicit, is_wanted=False, depth=depth
            )
        if offset > end:
            raise _Unusual


def _by_library(data_set: BinaryIO, transfer_syntax: UID) -> TextOf:
    """Raises NotStored if the bytes are not a data set."""
    try:
        found = read_dataset(
            data_set,
            transfer_syntax.is_implicit_VR,
            transfer_syntax.is_little_endian,
            stop_when=lambda tag, _vr, _length: tag > LAST_TAG,
            specific_tags=list(TAGS.values()),
        )
    except PARSING_ERRORS as error:
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, "the data set cannot be parsed") from error
    return lambda keyword: _raw(found, keyword)


def _uid(text_of: TextOf, keyword: str) -> str:
    uid = text_of(keyword)
    if not uid:
        raise NotStored(Status.UID_MISSING, f"{keyword} is missing or empty")
    if not is_legal_uid(uid):
        raise NotStored(Status.UID_ILLEGAL, f"{keyword} is not a UID")
    return uid


def _place(text_of: TextOf) -> tuple[str | None, float | None]:
    """Orientation and position of the plane; an object without a usable plane is stored, too."""
    try:
        image_orientation = _decimals(text_of, "ImageOrientationPatient")
        return orientation_key(image_orientation), slice_position(
            _decimals(text_of, "ImagePositionPatient"), image_orientation
        )
    except ValueError:
        return None, None


def _decimals(text_of: TextOf, keyword: str) -> list[float]:
    text = text_of(keyword)
    if len(text) > LONGEST_DECIMAL_CHARACTERS:
        raise ValueError(f"{keyword} is too long")
    return [float(value) for value in text.split("\\")]


def _raw(found: Dataset, keyword: str) -> str:
    """The raw value without padding: pydicom would warn when it converts an unusual value."""
    if keyword not in found:
        return ""
    value = found.get_item(keyword).value
    if value is None:
        return ""
    if not isinstance(value, bytes):
        if keyword in WORD_KEYWORDS:
            return ""
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, f"{keyword} is a sequence")
    return _stripped(value)


def _stripped(value: bytes) -> str:
    return value.decode("latin-1").strip("\x00 ")
