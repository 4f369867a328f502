"""The few attributes that the door must know of an object: its UIDs and where its plane lies. Nothing behind them is read."""

import re
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from ich_node.damage import DAMAGED
from ich_node.geometry import orientation_key, slice_position
from ich_node.receive.status import NotStored, Status

UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
LAST_TAG = Tag("ImageOrientationPatient")
WANTED_TAGS: list[BaseTag | int] = [
    Tag(keyword) for keyword in (*UID_KEYWORDS, "ImagePositionPatient", "ImageOrientationPatient")
]
# PS3.5 §9.1, less strict: a component with a leading zero is illegal but common, and harmless.
LEGAL_UID = re.compile(r"[0-9][0-9.]{0,63}")
LONGEST_DECIMAL_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class Header:
    """Identity and place of one object. orientation, position_mm: see ich_node.geometry; None where the header has none."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    orientation: str | None
    position_mm: float | None


def read_header(data_set: BinaryIO, transfer_syntax: UID) -> Header:
    """Read the encoded data set up to ImageOrientationPatient.

    Raises NotStored if the bytes are not a data set, or a UID is missing or illegal.
    """
    try:
        found = read_dataset(
            data_set,
            transfer_syntax.is_implicit_VR,
            transfer_syntax.is_little_endian,
            stop_when=lambda tag, _vr, _length: tag > LAST_TAG,
            specific_tags=WANTED_TAGS,
        )
    except DAMAGED as error:
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, "the data set cannot be parsed") from error
    sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid = (_uid(found, keyword) for keyword in UID_KEYWORDS)
    orientation, position_mm = _place(found)
    return Header(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        orientation=orientation,
        position_mm=position_mm,
    )


def _uid(found: Dataset, keyword: str) -> str:
    uid = _text(found, keyword)
    if not uid:
        raise NotStored(Status.UID_MISSING, f"{keyword} is missing or empty")
    if not LEGAL_UID.fullmatch(uid):
        raise NotStored(Status.UID_ILLEGAL, f"{keyword} is not a UID")
    return uid


def _place(found: Dataset) -> tuple[str | None, float | None]:
    """The plane's orientation and position; an object without a usable place is stored all the same."""
    try:
        image_orientation = _decimals(found, "ImageOrientationPatient")
        return orientation_key(image_orientation), slice_position(_decimals(found, "ImagePositionPatient"), image_orientation)
    except ValueError:
        return None, None


def _decimals(found: Dataset, keyword: str) -> list[float]:
    text = _text(found, keyword)
    if len(text) > LONGEST_DECIMAL_BYTES:
        raise ValueError(f"{keyword} is too long")
    return [float(value) for value in text.split("\\")]


def _text(found: Dataset, keyword: str) -> str:
    """The raw value without padding. Raw, because converting it would warn about values that are merely odd."""
    if keyword not in found:
        return ""
    value = found.get_item(keyword).value
    if value is None:
        return ""
    if not isinstance(value, bytes):
        raise NotStored(Status.HEADER_NOT_UNDERSTOOD, f"{keyword} is a sequence")
    return value.decode("latin-1").strip("\x00 ")
