"""What scanners write into headers that breaks a rule, or keeps one that few keep."""

import pydicom
from pydicom import Dataset
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
