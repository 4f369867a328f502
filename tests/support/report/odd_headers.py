"""What scanners write into headers that breaks a rule, or keeps one that few keep."""

import pydicom
from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

INVALID = {
    "StudyTime": ("TM", "10:15:00"),
    "StudyDate": ("DA", "2024-05-17"),
    "PatientBirthDate": ("DA", "unknown"),
    "AccessionNumber": ("SH", "A" * 30),
    "PatientSex": ("CS", "U"),
    "StudyID": ("SH", "two\nlines"),
    "PatientID": ("LO", "x" * 70),
    "PatientAge": ("AS", "74"),
    "SliceThickness": ("DS", "thick"),
    "TimezoneOffsetFromUTC": ("SH", "CET"),
}


def with_raw_values(dataset: Dataset, values: dict[str, tuple[str, bytes]]) -> Dataset:
    """The dataset as read from a file that has these bytes, right or wrong."""

    for keyword, (vr, raw) in values.items():
        tag = pydicom.tag.Tag(tag_for_keyword(keyword))
        dataset._dict[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    return dataset


def invalidate(dataset: Dataset) -> None:
    with_raw_values(
        dataset, {keyword: (vr, value.encode()) for keyword, (vr, value) in INVALID.items()}
    )


JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def in_japanese(dataset: Dataset) -> None:
    """As scanners in Japan write it: the default repertoire, JIS X 0208 by escape sequences."""
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = JAPANESE
    dataset.StudyDescription = "頭部CT"


ILLEGAL_IDENTITY = {
    "PatientID": ("LO", b"4711\t"),
    "IssuerOfPatientID": ("LO", b"WARD\\7"),
    "PatientBirthDate": ("DA", b"17.05.1950"),
    "PatientSex": ("CS", b"U "),
    "StudyDate": ("DA", b"2024.05.17"),
    "StudyDescription": ("LO", b"S" * 66),
    "AccessionNumber": ("SH", b"A" * 23),
    "StudyID": ("SH", b"S\\1"),
}
ILLEGAL_UID = "1.2.840.0113619.2.55"


def with_illegal_identity(dataset: Dataset) -> None:
    """What careless systems write and a PACS files by, all of it against the standard."""
    with_raw_values(dataset, ILLEGAL_IDENTITY)
    uids = {
        "StudyInstanceUID": ILLEGAL_UID,
        "SeriesInstanceUID": f"{ILLEGAL_UID}.1",
        "FrameOfReferenceUID": f"{ILLEGAL_UID}.2",
        "SOPInstanceUID": f"{ILLEGAL_UID}.1.{dataset.InstanceNumber}",
    }
    for keyword, uid in uids.items():
        tag = tag_for_keyword(keyword)
        dataset[tag] = DataElement(tag, "UI", uid, validation_mode=pydicom.config.IGNORE)
