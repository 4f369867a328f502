"""The second pass finds what the first one left, wherever it stands, and nothing else."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from ich_node.export.identifying import identifiers_of, plain
from ich_node.export.second_pass import leak_in
from tests.support.heads import head_slice

PATIENT: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Quisling-Ærø^Zaphod=山田^太郎",
    "PatientID": "4711",
    "AccessionNumber": "ACC-88",
    "PatientBirthDate": "19310227",
    "InstitutionName": "Sector ZZ9",
    "StationName": "CT01",
    "SeriesDescription": "HEAD",
    "ProtocolName": "Soft",
    "OperatorsName": "Kim^Lee",
}
FOUND = identifiers_of([head_slice(0, rows=8, columns=8, **PATIENT)])


def left(**attributes: Any) -> Dataset:
    """A de-identified slice, in which something was left."""
    ds = head_slice(
        1, rows=8, columns=8, SpecificCharacterSet="ISO_IR 192", BodyPartExamined="HEAD"
    )
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyDate"):
        setattr(ds, keyword, "")
    for keyword in (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "FrameOfReferenceUID",
    ):
        setattr(ds, keyword, "2.25.47112026010119310227")
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def nested(value: str) -> Items:
    item, deep = Dataset(), Dataset()
    deep.CodeMeaning = value
    item.PurposeOfReferenceCodeSequence = Items([deep])
    return Items([item])


def file_of(ds: Dataset) -> bytes:
    file = BytesIO()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "attributes",
    [
        {"BodyPartExamined": "HEAD", "SeriesDescription": "Head", "ConvolutionKernel": "SOFT"},
        {"RescaleIntercept": "-1024.4711", "TableHeight": "4711", "InstanceNumber": "4711"},
        {"KVP": "120", "SoftwareVersions": "14711", "Manufacturer": "Kimberly"},
        {"ConvolutionKernel": "CT010", "ContentTime": "19310227"[:6]},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
    ],
)
def test_words_of_the_technique_are_no_leak(attributes: dict[str, Any]) -> None:
    """Nor are numbers that hold an identifier's digits by chance."""
    assert leak_in(file_of(left(**attributes)), FOUND) is None


@pytest.mark.parametrize(
    ("attributes", "keyword", "where"),
    [
        ({"ConvolutionKernel": "for quisling"}, "PatientName", "ConvolutionKernel"),
        ({"ConvolutionKernel": "QUISLING ÆRØ"}, "PatientName", "ConvolutionKernel"),
        ({"ConvolutionKernel": "H31/ZAPHOD"}, "PatientName", "ConvolutionKernel"),
        ({"ConvolutionKernel": "山田先生"}, "PatientName", "ConvolutionKernel"),
        ({"ConvolutionKernel": "Lee Kim, Kim Lee"}, "OperatorsName", "ConvolutionKernel"),
        ({"SoftwareVersions": "id 4711"}, "PatientID", "SoftwareVersions"),
        ({"SoftwareVersions": "acc_88"}, "AccessionNumber", "SoftwareVersions"),
        ({"SoftwareVersions": "1931-02-27"}, "PatientBirthDate", "SoftwareVersions"),
        ({"StudyDate": "19310227"}, "PatientBirthDate", "StudyDate"),
        ({"Manufacturer": "SECTOR-ZZ9 workshop"}, "InstitutionName", "Manufacturer"),
        ({"SoftwareVersions": "at CT01"}, "StationName", "SoftwareVersions"),
        ({"ReferencedImageSequence": nested("Zaphod")}, "PatientName", "CodeMeaning"),
        (
            {"FrameOfReferenceUID": "1.2.826.0.1.3680043.10.1624.1.2"},
            "FrameOfReferenceUID",
            "FrameOfReferenceUID",
        ),
        (
            {"SoftwareVersions": "1.2.826.0.1.3680043.10.1624.1"},
            "StudyInstanceUID",
            "SoftwareVersions",
        ),
    ],
)
def test_a_value_is_found(attributes: dict[str, Any], keyword: str, where: str) -> None:
    """In any case, with other separators, at any depth; also a part of a name."""
    leak = leak_in(file_of(left(**attributes)), FOUND)
    assert leak is not None
    assert (leak.keyword, leak.where) == (keyword, where)
    assert leak.words == f"a value of its {keyword} stands in {where}"


def in_preamble(data: bytes) -> bytes:
    return b"Zaphod Q".ljust(128, b"\0") + data[128:]


def after_the_end(data: bytes) -> bytes:
    """Data Set Trailing Padding."""
    return data + b"\xfc\xff\xfc\xffOB\0\0\x0a\0\0\0  QUISLING"


def in_the_pixels(data: bytes) -> bytes:
    return data[:-20] + b"Quisling^".ljust(20, b"\0")


@pytest.mark.parametrize(
    ("planted", "where"),
    [
        (in_preamble, "the bytes of the header"),
        (after_the_end, "the bytes of the header"),
        (in_the_pixels, "PixelData"),
    ],
)
def test_bytes_that_no_element_shows_are_searched(
    planted: Callable[[bytes], bytes], where: str
) -> None:
    """The preamble, the padding, and the pixels, where an encoder may leave a comment."""
    leak = leak_in(planted(file_of(left())), FOUND)
    assert leak is not None
    assert (leak.keyword, leak.where) == ("PatientName", where)


def test_a_value_in_another_character_set_is_found() -> None:
    """Of an object whose character set does not say how its bytes are meant."""
    original = head_slice(0, rows=8, columns=8, SpecificCharacterSet="ISO_IR 100")
    original.PatientName = "Grünwald^Jörg"
    found = identifiers_of([original])
    ds = left()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ConvolutionKernel = "GRÜNWALD"
    assert leak_in(file_of(ds), found) is not None
    ds.SpecificCharacterSet = ""
    wrong = file_of(ds).replace("GRÜNWALD".encode("latin-1"), "grünwald".encode("latin-1"))
    assert leak_in(wrong, found) is not None


def test_what_is_searched() -> None:
    """Values of four characters and more; names and their parts; no dummies."""
    words = {text.words for text in FOUND.texts}
    assert {
        "quisling ærø zaphod",
        "quisling",
        "zaphod",
        "山田 太郎",
        "山田",
        "4711",
        "kim lee",
    } <= words
    assert not {"kim", "lee", "", "1"} & words
    assert FOUND.dates.keys() == {"19310227", "20260101"}
    anonymous = head_slice(0, rows=8, columns=8, PatientName="ANONYMIZED", PatientID="ANONYMIZED")
    assert "anonymized" not in {text.words for text in identifiers_of([anonymous]).texts}
    assert plain(" A-b_C^^d ") == "a b c d"
