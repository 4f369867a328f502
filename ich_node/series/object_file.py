"""A DICOM file -> its dataset, also where the file is damaged: what comes before the damage says
which object it is and where it lies, so that the series can name it.
"""

from typing import BinaryIO

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from ich_node.dicom.unreadable import PARSING_ERRORS

SERIES_TAG = int(Tag("SeriesInstanceUID"))
PLACE_TAG = int(Tag("ImageOrientationPatient"))


class DamagedObject(Dataset):
    """An object whose file cannot be read to its end: what comes before the damage, if anything."""


def read_object(file: BinaryIO, *, sop_instance_uid: str = "") -> Dataset:
    """The whole dataset, or a DamagedObject.

    sop_instance_uid: of an object that is known from elsewhere; the file may not say it any more.
    Raises InvalidDicomError if it is no DICOM file and not known.
    """
    try:
        dataset = pydicom.dcmread(file)
        dataset.buffer = None  # else it keeps all bytes of the file beside its values
        return dataset
    except InvalidDicomError:
        if not sop_instance_uid:
            raise
    except PARSING_ERRORS:
        pass
    return _damaged(file, sop_instance_uid)


def read_identity(file: BinaryIO) -> Dataset:
    """The elements up to SeriesInstanceUID. Raises InvalidDicomError or one of PARSING_ERRORS."""
    return read_partial(file, lambda tag, *_: int(tag) > SERIES_TAG)


def _damaged(file: BinaryIO, sop_instance_uid: str) -> DamagedObject:
    for last_tag in (PLACE_TAG, SERIES_TAG):
        file.seek(0)
        try:
            before = read_partial(file, lambda tag, *_, last=last_tag: int(tag) > last)
        except PARSING_ERRORS:
            continue
        damaged = DamagedObject(before)
        damaged.file_meta = before.file_meta
        return damaged
    damaged = DamagedObject()
    damaged.SOPInstanceUID = sop_instance_uid
    return damaged
