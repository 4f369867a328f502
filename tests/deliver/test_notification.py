"""What a notification says of a reading, a refusal and their study; both formats are read."""

import io
from dataclasses import asdict, replace

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from ich_node.answer import Answer
from ich_node.detection.reading import Reading
from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import BoneKernel
from ich_node.notification import Identifiers, Notification, UnreadPart, decode
from ich_node.report import NotificationContext, notification_of, notification_of_refusal
from ich_node.series.series import Missing, SeriesWarning
from tests.support.heads import head_series
from tests.support.notifications import HOLE, METAL, UNREAD, in_format_1, notification
from tests.support.report.report_examples import (
    ALGORITHM,
    AT,
    SERIES_UID,
    STUDY_UID,
    make_source,
    read_by_hand,
)

SOURCE = make_source()
OTHER = "1.2.3.99"


def context(**settings: object) -> NotificationContext:
    return NotificationContext(
        **{
            "study_instance_uid": STUDY_UID,
            "series_instance_uid": SERIES_UID,
            "datasets": SOURCE.datasets,
            "revision": 1,
            "replaces": None,
            "report_uid": "2.25.9",
            "algorithm": ALGORITHM,
            "at": AT,
            **settings,
        }
    )


def reading(highest: float, *, threshold: float = 0.75, **changes: object) -> Reading:
    made = read_by_hand(SOURCE, [0.01, 0.02, highest, 0.03, 0.02, 0.01], {})
    return replace(made, series_probability=highest, threshold=threshold, **changes)


def notified(read: Reading, **settings: object) -> Notification:
    return notification_of(context(**settings), SOURCE.series, read)


def test_absent_is_no_certainty():
    """The score stands beside its threshold, on its side of it, and is called no probability."""
    made = notified(reading(0.91, threshold=0.93))
    assert (made.answer, made.finding) == (Answer.ABSENT, "not_found")
    assert made.sentence() == (
        "No intracranial hemorrhage was found by the algorithm; "
        "highest slice score 91 %, threshold 93 %."
    )
    assert notified(reading(0.92997, threshold=0.93)).series_probability == 0.929


@pytest.mark.parametrize(
    ("highest", "shown", "words"), [(1.0, 0.999, "99.9 %"), (0.00001, 0.001, "0.1 %")]
)
def test_nothing_is_0_or_100_percent(highest, shown, words):
    """Neither the number nor the words."""
    made = notified(reading(highest))
    assert made.public()["series_probability"] == shown
    assert f"highest slice score {words}, threshold" in made.sentence()


def test_a_hole_makes_it_undetermined_and_says_where():
    """With the fields of the reading's Missing and its warnings."""
    hole = Missing(**asdict(HOLE))
    warning = SeriesWarning(**asdict(METAL))
    made = notified(reading(0.2, missing=(hole,), warnings=(warning,)))
    assert (made.answer, made.finding) == (Answer.UNDETERMINED, "undetermined")
    assert (made.missing, made.warnings) == ((HOLE,), (METAL,))
    assert (
        f"undetermined: no hemorrhage was found by the algorithm, but part of the head was "
        f"not read: {HOLE.detail}; highest slice score 20 %" in made.sentence()
    )
    positive = notified(reading(0.9, missing=(hole,)))
    assert positive.answer is Answer.PRESENT
    assert positive.sentence().endswith(f"Part of the head was not read: {HOLE.detail}.")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"from_mm": 1.0, "to_mm": 9.26}, " (from 1.0 to 9.3 mm)."),
        ({"from_mm": 120.0}, " (above 120.0 mm)."),
        ({"to_mm": -3.0, "instance_numbers": (1,)}, " (below -3.0 mm; Instance Numbers 1)."),
        ({"from_mm": 5.0, "to_mm": 5.0, "slices": 1}, " (at 5.0 mm; slices missing: 1)."),
        ({"instance_numbers": tuple(range(22))}, ", 18, 19 and 2 more)."),
        ({}, "the vertex."),
    ],
)
def test_a_missing_part_has_its_place(place, words):
    """As far as it is known."""
    part = UnreadPart(part="vertex", detail="the vertex.", **place)
    assert part.sentence().startswith("the vertex")
    assert part.sentence().endswith(words)


def test_facts_of_the_series():
    """Its number and thickness, if they are numbers."""
    for dataset in (datasets := [Dataset.from_json(each.to_json()) for each in SOURCE.datasets]):
        dataset.SeriesNumber = 4
    made = notified(reading(0.9), datasets=datasets)
    assert (made.series_number, made.slice_thickness_mm) == (4, 5.0)
    assert notified(reading(0.9), datasets=[]).slice_thickness_mm is None


def test_the_message_is_about_the_study():
    """The most severe answer of its series, and which series gave it."""
    other = {"study_answer": Answer.PRESENT, "study_answer_series": OTHER}
    made = notified(reading(0.2), **other)
    assert (made.series_answer, made.answer) == (Answer.ABSENT, Answer.PRESENT)
    assert made.public()["finding"] == "suspected"
    assert made.public()["answer_series"] == OTHER
    assert made.sentence().startswith(
        "Intracranial hemorrhage is suspected by an algorithm in another series of this study "
        f"({OTHER}). This series: No intracranial hemorrhage was found"
    )
    refused = notification_of_refusal(context(**other), BoneKernel())
    assert refused.answer is Answer.PRESENT
    less = notified(reading(0.9), study_answer=Answer.ABSENT, study_answer_series=OTHER)
    assert (less.answer, less.answer_series) == (Answer.PRESENT, SERIES_UID)
    assert "another series" not in less.sentence()


def test_a_demonstration_says_so_first():
    """Of every answer."""
    algorithm = replace(ALGORITHM, demonstration=True)
    refused = notification_of_refusal(context(algorithm=algorithm), BoneKernel())
    for made in (notified(reading(0.2), algorithm=algorithm), refused):
        assert made.demonstration
        assert made.sentence().startswith(f"{DEMONSTRATION_MODEL}. ")


ILLEGAL = {
    "PatientID": b"4711\tA\\" + b"7" * 57 + b"\t",
    "PatientName": "Böhm^Zoë".encode("latin-1"),
    "AccessionNumber": b"2025-CT-000000000000123 ",
    "PatientSex": b"U ",
    "PatientBirthDate": b"1943.06.07",
    "IssuerOfPatientID": b" H\x07 ",
    "StudyDate": b"31/12/2025",
    "StudyTime": b"23:59:01",
}


def headers(values: dict[str, bytes]) -> list[Dataset]:
    """Headers as they come out of a file."""
    sent = head_series(1)[0]
    file = io.BytesIO()
    sent.SpecificCharacterSet = "ISO_IR 100"
    for keyword, value in values.items():
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        vr = dictionary_VR(tag)
        sent[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True, True)
    dcmwrite(file, sent, enforce_file_format=True)
    return [dcmread(io.BytesIO(file.getvalue()), stop_before_pixels=True)]


def test_identifiers_are_the_text_of_the_header():
    """However illegal; only the padding is gone, and nothing is guessed."""
    who = notified(reading(0.9), datasets=headers(ILLEGAL)).identifiers
    assert who == Identifiers(
        patient_id="4711\tA\\" + "7" * 57 + "\t",
        patient_name="Böhm^Zoë",
        accession_number="2025-CT-000000000000123",
        patient_sex="U",
        patient_birth_date="1943.06.07",
        issuer_of_patient_id=" H\x07",
        study_date="31/12/2025",
        study_time="23:59:01",
    )


def test_two_patients_are_none():
    """One of them would be the wrong one."""
    one, other = headers({"PatientID": b"1 "}), headers({"PatientID": b"2 "})
    assert notified(reading(0.9), datasets=[*one, *other]).identifiers == Identifiers()
    assert notified(reading(0.9), datasets=[*one, *one]).identifiers.patient_id == "1"


@pytest.mark.parametrize("positive", [True, False, None])
def test_what_is_written_is_read(positive):
    """All fields."""
    made = replace(
        notification(positive=positive),
        missing=(HOLE, UNREAD),
        warnings=(METAL,),
        study_answer=Answer.PRESENT,
        study_answer_series=OTHER,
        series_number=3,
        slice_thickness_mm=5.0,
        demonstration=True,
    )
    assert decode(made.encode()) == made


@pytest.mark.parametrize("positive", [True, False, None])
def test_a_notification_of_the_first_format_is_still_sent(positive):
    """It waited in the spool while the node was updated."""
    made = notification(positive=positive)
    assert decode(in_format_1(made)) == made
