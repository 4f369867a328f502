"""The results are valid with any source header, or an error names what cannot be referred to."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.errors import ReportError
from ich_node.report import ReportOptions, SourceSeries
from ich_node.report.evidence import clean
from ich_node.report.identity import IDENTITY, TYPE_2
from tests.support.report.odd_headers import (
    INVALID,
    JAPANESE,
    in_japanese,
    invalidate,
    with_raw_values,
)
from tests.support.report.report_examples import (
    make_source,
    negative_reading,
    positive_reading,
    read_by_hand,
    report,
    sr_of,
)


def read_back(source) -> list[Dataset]:
    """The results of a positive reading, one of each kind, as a PACS would read them."""
    results = report(source, positive_reading(source), options=ReportOptions(max_overlays=1))
    return [pydicom.dcmread(io.BytesIO(result.encode())) for result in results]


def make_small_source(**options) -> SourceSeries:
    """Headers are looked at, not pixels."""
    return make_source(rows=64, columns=64, **options)


@pytest.mark.parametrize("attribute", ["study_instance_uid", "series_instance_uid"])
def test_a_missing_uid_is_named(attribute):
    """Such a series can be read, but nothing can refer to it: ReportError with the attribute."""
    source = make_source(1)
    source = replace(source, series=replace(source.series, **{attribute: ""}))
    keyword = {
        "study_instance_uid": "StudyInstanceUID",
        "series_instance_uid": "SeriesInstanceUID",
    }[attribute]
    with pytest.raises(ReportError, match=f"{keyword} is missing"):
        report(source, negative_reading(source))


ODD_UIDS = ("1.2.840.0113619.2.55.1.02", "ID_36c6f2bfb5", "1.2." + 40 * "34")


@pytest.mark.parametrize("uid", ODD_UIDS)
def test_an_illegal_uid_is_referred_to_as_it_came(uid):
    """Leading zeros, letters, too many digits: the archive finds the source by the same text."""

    def change(dataset: Dataset) -> None:
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            dataset[keyword] = pydicom.DataElement(keyword, "UI", uid, validation_mode=0)

    source = make_small_source(change=change)
    slices = tuple(
        replace(slice_, sop_instance_uid=f"{uid}.0{number}", frame_of_reference_uid=uid)
        for number, slice_ in enumerate(source.series.slices)
    )
    for dataset, slice_ in zip(source.datasets, slices, strict=True):
        dataset.SOPInstanceUID = slice_.sop_instance_uid
    series = replace(source.series, study_instance_uid=uid, series_instance_uid=uid, slices=slices)
    source = replace(source, series=series)
    results = report(source, positive_reading(source), options=ReportOptions(parametric_map=True))
    for result in results:
        dataset = pydicom.dcmread(io.BytesIO(result.encode()))
        assert dataset.StudyInstanceUID == uid
        assert dataset.get("FrameOfReferenceUID", uid) == uid
    evidence = results[0].dataset.CurrentRequestedProcedureEvidenceSequence[0]
    (series_item,) = evidence.ReferencedSeriesSequence
    assert (evidence.StudyInstanceUID, series_item.SeriesInstanceUID) == (uid, uid)
    assert [item.ReferencedSOPInstanceUID for item in series_item.ReferencedSOPSequence] == [
        slice_.sop_instance_uid for slice_ in slices
    ]


def test_missing_type_2_attributes_are_left_empty():
    """A header without any of them gives results that have them all."""

    def strip(dataset: Dataset) -> None:
        for keyword in TYPE_2:
            dataset.pop(keyword, None)

    for dataset in read_back(make_small_source(change=strip)):
        assert all(dataset[keyword].is_empty for keyword in TYPE_2)


@pytest.mark.parametrize("keyword", [key for key in INVALID if key not in IDENTITY])
def test_an_invalid_value_is_dropped(keyword):
    """A value that breaks its VR and identifies nobody does not reach the results, and does not
    stop them.
    """

    def change(dataset: Dataset) -> None:
        vr, value = INVALID[keyword]
        with_raw_values(dataset, {keyword: (vr, value.encode())})

    for dataset in read_back(make_small_source(change=change)):
        assert dataset.get(keyword) in (None, "+0000")


AS_CAME = [
    *((keyword, vr, value.encode()) for keyword, (vr, value) in INVALID.items()),
    ("PatientID", "LO", b"4711\t"),
    ("PatientID", "LO", b"47\\11  "),
    ("PatientID", "LO", b" 0815\0"),
    ("PatientID", "UN", b"4711"),
    ("IssuerOfPatientID", "LO", b"A" * 66),
    ("AccessionNumber", "SH", b"A" * 23),
    ("AccessionNumber", "SH", b"ACC\\1"),
    ("StudyDate", "DA", b"2024.05.17"),
    ("PatientName", "PN", b"Who=^Doctor=="),
    ("StudyDescription", "LO", b"x" * 80),
]


@pytest.mark.parametrize(
    ("keyword", "vr", "value"), [row for row in AS_CAME if row[0] in IDENTITY], ids=str
)
def test_identity_is_the_same_bytes_however_illegal(keyword, vr, value):
    """The archive compares bytes: a corrected value would be another patient. In every kind of
    object.
    """
    value += b" " * (len(value) % 2)
    source = make_small_source(
        change=lambda dataset: with_raw_values(dataset, {keyword: (vr, value)})
    )
    results = report(
        source,
        positive_reading(source),
        options=ReportOptions(max_overlays=1, parametric_map=True),
    )
    assert len({result.kind for result in results}) == 6
    for result in results:
        dataset = pydicom.dcmread(io.BytesIO(result.encode()))
        assert dataset.get_item(keyword).value == value


TEXTS = [
    ("ISO_IR 100", "Müller-7"),
    ("ISO_IR 144", "Иван-7"),
    ("GB18030", "王-7"),
    ("LATIN1", "Müller-7"),
    ("", "Müller-7"),
]


@pytest.mark.parametrize(("charset", "text"), TEXTS)
def test_identity_in_another_character_set_has_the_same_value(charset, text):
    """In UTF-8, also where the value breaks its VR."""
    text *= 12
    python = {"ISO_IR 144": "iso8859-5", "GB18030": "gb18030"}.get(charset, "latin-1")
    raw = {
        "SpecificCharacterSet": ("CS", charset.encode()),
        "PatientID": ("LO", text.encode(python)),
    }
    source = make_small_source(change=lambda dataset: with_raw_values(dataset, raw))
    for dataset in read_back(source):
        assert dataset.SpecificCharacterSet == "ISO_IR 192"
        assert dataset.get_item("PatientID").value.rstrip() == text.encode()


def test_a_damaged_character_set_costs_no_identity():
    """The bytes of its value are no text."""
    raw = {"SpecificCharacterSet": ("FD", b"12345"), "PatientID": ("LO", b"4711")}
    source = make_small_source(change=lambda dataset: with_raw_values(dataset, raw))
    for dataset in read_back(source):
        assert dataset.get_item("PatientID").value == b"4711"


def test_bytes_that_their_character_set_does_not_explain_are_kept():
    """Latin-1 that calls itself UTF-8, as exporters write it."""
    raw = {
        "SpecificCharacterSet": ("CS", b"ISO_IR 192"),
        "PatientID": ("LO", "Müller".encode("latin-1")),
        "PatientName": ("PN", "Müller^E".encode("latin-1")),
    }
    source = make_small_source(change=lambda dataset: with_raw_values(dataset, raw))
    for dataset in read_back(source):
        assert dataset.get_item("PatientID").value == raw["PatientID"][1]
        assert dataset.get_item("PatientName").value == raw["PatientName"][1]


@pytest.mark.parametrize(
    "keyword", ["AccessionNumber", "PatientName", "StudyDate", "SliceThickness"]
)
@pytest.mark.parametrize("vr", ["FD", "SL", "SQ", "AT"])
def test_bytes_that_cannot_be_of_their_vr_are_dropped(keyword, vr):
    """Text under a VR of numbers or sequences: the library fails in its own ways, and the results
    go without the value.
    """
    source = make_small_source(
        change=lambda dataset: with_raw_values(dataset, {keyword: (vr, b"A12345")})
    )
    for dataset in read_back(source):
        assert keyword not in dataset or dataset[keyword].is_empty


def from_file(dataset: Dataset) -> Dataset:
    """The dataset as it comes from a file."""
    buffer = io.BytesIO()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def test_japanese_names_arrive_in_utf_8():
    """The name's three groups are the same, in ISO_IR 192."""
    source = make_small_source(change=in_japanese)
    source.datasets[:] = [from_file(dataset) for dataset in source.datasets]
    for dataset in read_back(source):
        assert dataset.SpecificCharacterSet == "ISO_IR 192"
        assert str(dataset.PatientName) == JAPANESE
        assert dataset.StudyDescription == "頭部CT"


@pytest.mark.parametrize("charset", ["LATIN1", "no such set"])
def test_a_character_set_that_does_not_exist_is_read_as_latin(charset):
    """Umlauts survive the common misnomer, and nothing fails on an unknown one."""
    change = {
        "SpecificCharacterSet": ("CS", charset.encode()),
        "PatientName": ("PN", "Müller^Eva".encode("latin-1")),
    }
    dataset = clean(with_raw_values(Dataset(), change))
    assert str(dataset.PatientName) == "Müller^Eva"


def test_an_unusual_name_is_kept_and_not_printed(recwarn):
    """A name of one component is legal; warnings of the libraries would put it into the log."""
    results = read_back(
        make_small_source(change=lambda dataset: setattr(dataset, "PatientName", "Madonna"))
    )
    assert {str(dataset.PatientName) for dataset in results} == {"Madonna"}
    assert not recwarn.list


def test_dropped_values_are_not_logged(caplog):
    """The libraries would quote them, and they may be the patient's."""
    read_back(make_small_source(change=invalidate))
    assert caplog.text == ""


def test_an_identity_is_not_called_removed_without_saying_how():
    """PatientIdentityRemoved needs a method, which archives forget; with a method it is kept."""
    for method, kept in ((None, False), ("pseudonyms", True)):
        source = make_source(
            change=lambda dataset: dataset.update({"PatientIdentityRemoved": "YES"})
        )
        for dataset in source.datasets:
            if method:
                dataset.DeidentificationMethod = method
        assert all(("PatientIdentityRemoved" in dataset) is kept for dataset in read_back(source))


def test_private_attributes_and_bulk_data_stay_behind():
    """The results hold nothing that the standard does not name."""
    dataset = Dataset()
    dataset.add_new(0x00091001, "LO", "private")
    dataset.add_new(0x7FE00010, "OW", b"\0\0")
    dataset.PatientID = "1"
    assert [element.keyword for element in clean(dataset)] == ["SpecificCharacterSet", "PatientID"]


def test_a_sequence_with_a_broken_item_goes_whole():
    """Half an identifier is worse than none."""
    dataset = Dataset()
    good, bad = Dataset(), Dataset()
    good.PatientID, good.TypeOfPatientID = "1", "TEXT"
    with_raw_values(bad, {"PatientID": ("LO", b"x" * 70)})
    dataset.OtherPatientIDsSequence = [good]
    assert clean(dataset).OtherPatientIDsSequence[0].PatientID == "1"
    dataset.OtherPatientIDsSequence = [good, bad]
    assert "OtherPatientIDsSequence" not in clean(dataset)


def test_the_source_is_left_as_it_was():
    """Normalisation works on a copy."""
    source = make_source(2, change=in_japanese)
    before = [dataset.to_json() for dataset in source.datasets]
    report(source, negative_reading(source))
    assert [dataset.to_json() for dataset in source.datasets] == before


def test_times_are_those_of_the_argument_with_their_zone():
    """Every date and time of the objects follows from `at`, and TimezoneOffsetFromUTC says in which
    zone.
    """
    source = make_source(1)
    at = datetime(2024, 1, 2, 23, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    for result in report(source, read_by_hand(source, [0.9], {}), at=at):
        dataset = result.dataset
        assert dataset.TimezoneOffsetFromUTC == "-0330"
        content = "PresentationCreation" if result.kind == "presentation_state" else "Content"
        for moment in ("InstanceCreation", content, "Series"):
            assert str(dataset.get(f"{moment}Date", "20240102")) == "20240102"
            assert str(dataset[f"{moment}Time"].value) == "233000.000000"


def test_times_follow_the_zone_of_the_source():
    """Inherited times are in the source's zone, so ours are written in it too."""
    source = make_source(
        1, change=lambda dataset: setattr(dataset, "TimezoneOffsetFromUTC", "+0900")
    )
    dataset = sr_of(source, negative_reading(source), at=datetime(2024, 5, 17, 20, 0, tzinfo=UTC))
    written = (dataset.TimezoneOffsetFromUTC, str(dataset.ContentDate), str(dataset.ContentTime))
    assert written == ("+0900", "20240518", "050000.000000")


def test_a_time_without_zone_is_a_mistake():
    """A naive datetime would be written as whatever zone the host is in."""
    source = make_source(1)
    with pytest.raises(ValueError, match="time zone"):
        report(source, negative_reading(source), at=datetime(2024, 5, 17))  # noqa: DTZ001 - the naive time is the point
