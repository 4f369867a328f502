"""The attributes that receiving reads are the same with and without pydicom."""

import struct
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ich_node.ledger import SearchKey, SearchTerms
from ich_node.receive import header
from ich_node.receive.header import FIRST_BYTES, Header, read_header
from ich_node.receive.status import NotStored
from tests.support.heads import head_slice
from tests.support.raw_dicom import encoded

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def outcome(data: bytes, syntax: UID) -> Header | tuple[int, str]:
    try:
        return read_header(data[:FIRST_BYTES], lambda: BytesIO(data), syntax)
    except NotStored as refusal:
        return refusal.status, refusal.detail


def by_library_alone(data: bytes, syntax: UID) -> Header | tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "_plain", lambda *_: None)
        return outcome(data, syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_plain_header_is_read_without_pydicom(
    syntax: UID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same result."""
    data = encoded(head_slice(3), syntax)
    expected = by_library_alone(data, syntax)
    assert isinstance(expected, Header)
    assert expected.position_mm == 30.0
    monkeypatch.setattr(header, "_by_library", None)
    assert read_header(data[:FIRST_BYTES], lambda: BytesIO(data), syntax) == expected


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_sequences_before_the_plane_are_skipped(syntax: UID) -> None:
    """With and without a length, and with UIDs of other objects in them."""
    other = Dataset()
    other.ReferencedSOPClassUID, other.ReferencedSOPInstanceUID = "1.2.3", "1.2.3.4"
    other.SOPInstanceUID = other.StudyInstanceUID = "1.2.3.5"
    for is_undefined in (False, True):
        ds = head_slice(3)
        ds.ReferencedStudySequence = [other]
        ds["ReferencedStudySequence"].is_undefined_length = is_undefined
        read = outcome(encoded(ds, syntax), syntax)
        assert isinstance(read, Header)
        assert (read.sop_instance_uid, read.study_instance_uid) == (
            ds.SOPInstanceUID,
            ds.StudyInstanceUID,
        )
        assert read == by_library_alone(encoded(ds, syntax), syntax)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(header, "_by_library", None)
            assert outcome(encoded(ds, syntax), syntax) == read


@settings(max_examples=300, deadline=None)
@given(
    syntax=st.sampled_from(SYNTAXES),
    damages=st.lists(
        st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=8)), min_size=1, max_size=3
    ),
    length=st.integers(0, 1200),
)
@example(
    syntax=ExplicitVRLittleEndian, damages=[(200, b"\x00")], length=1200
)  # the VR of an element in an item of known length
def test_damaged_bytes_give_the_same_with_and_without_pydicom(
    syntax: UID, damages: list[tuple[int, bytes]], length: int
) -> None:
    """Whatever the bytes are: our own way reads what pydicom reads, or leaves it to pydicom."""
    item = Dataset()
    item.ReferencedSOPInstanceUID, item.ProcedureCodeSequence = "1.2.3.4", [Dataset()]
    ds = head_slice(3, rows=16, columns=16, ReferencedStudySequence=[item])
    ds["ReferencedStudySequence"].is_undefined_length = True
    data = bytearray(encoded(ds, syntax))
    for offset, bytes_ in damages:
        data[offset : offset + len(bytes_)] = bytes_
    assert outcome(bytes(data[:length]), syntax) == by_library_alone(bytes(data[:length]), syntax)


def test_a_length_that_goes_past_the_end_is_left_to_pydicom() -> None:
    data = struct.pack("<HH2sH", 0x0008, 0x0016, b"UI", 60_000) + b"1.2"
    assert outcome(data, ExplicitVRLittleEndian) == by_library_alone(data, ExplicitVRLittleEndian)


KEY = SearchKey(key=bytes(32))


def terms(syntax: UID, **attributes: str) -> SearchTerms:
    header_ = outcome(encoded(head_slice(3, **attributes), syntax), syntax)
    assert isinstance(header_, Header)
    return header_.words.terms(KEY)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_a_series_is_found_by(syntax: UID) -> None:
    """Text in the object's character set, without padding."""
    found = terms(
        syntax,
        SpecificCharacterSet="ISO_IR 192",
        AccessionNumber="ÄB 7",
        PatientID="患者-１",
        SeriesDescription="Schädel 5.0",
        Modality="CT",
    )
    assert found == SearchTerms(
        accession_hmac=KEY.accession("äb 7"),
        patient_hmac=KEY.patient("患者-1"),
        series_description="Schädel 5.0",
        modality="CT",
    )


@pytest.mark.parametrize(
    ("character_set", "number"),
    [
        ("ISO_IR 100", "Müller 1"),
        ("ISO_IR 144", "Номер 1"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", "患者 1"),
        ("GB18030", "病人 1"),
    ],
)
def test_character_sets(character_set: str, number: str) -> None:
    """One number has one term, however it was encoded."""
    found = terms(
        ExplicitVRLittleEndian,
        SpecificCharacterSet=character_set.split("\\"),
        AccessionNumber=number,
    )
    assert found.accession_hmac == KEY.accession(number)


def test_what_is_empty_missing_or_no_text_is_not_kept() -> None:
    """It does not keep an object out either."""
    assert terms(ExplicitVRLittleEndian, AccessionNumber="", PatientID=" ") == SearchTerms(
        modality="CT"
    )
    odd = terms(
        ExplicitVRLittleEndian, SpecificCharacterSet="nonsense", SeriesDescription="\x01\xe4\x00b"
    )
    assert odd.series_description == "ä b"
    long = terms(ExplicitVRLittleEndian, SeriesDescription="x" * 5000)
    assert long.series_description == "x" * 128
    ds = encoded(head_slice(3, AccessionNumber="1234"), ExplicitVRLittleEndian)
    as_sequence = ds.replace(b"\x08\x00\x50\x00SH\x04\x001234", b"\x08\x00\x50\x00SQ\0\0\0\0\0\0")
    read = outcome(as_sequence, ExplicitVRLittleEndian)
    assert isinstance(read, Header)
    assert read.words.terms(KEY).accession_hmac is None


def test_words_are_not_printed() -> None:
    """A header that lands in a log names nobody."""
    read = outcome(
        encoded(head_slice(3, PatientID="PID-77"), ExplicitVRLittleEndian), ExplicitVRLittleEndian
    )
    assert "PID-77" not in repr(read)
