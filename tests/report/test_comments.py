"""The verdict and the comments for people."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydicom import Dataset

from ich_node.detection.reading import Finding
from ich_node.dicom.identity import series_description
from ich_node.report import Predecessor
from ich_node.series.series import LeftOut, Missing, SeriesWarning
from tests.support.report.report_examples import (
    finding,
    make_source,
    negative_reading,
    positive_reading,
    read_by_hand,
    sr_of,
)
from tests.support.report.sr_tree import (
    faults,
    groups,
    items,
    regions,
    texts,
)


def test_marks_are_cut_at_five_and_those_outside_are_dropped_aloud():
    """The highest five of a slice are listed, none outside of the image, and a comment counts the
    rest.
    """
    source = make_source(2)
    many = tuple(finding(50 + 20 * index, 100, 0.1 * index) for index in range(1, 8))
    outside = Finding(row=-3.0, column=5.0, likelihood=9.0, probability=0.99)
    document = sr_of(source, read_by_hand(source, [0.9, 0.1], {0: (*many, outside)}))
    assert faults(document, source.series) == []
    assert sum(bool(regions(group)) for group in groups(document)) == 5
    assert [text for text in texts(document) if text.startswith("3 marks are not listed")]


def test_comments_say_research_use_and_what_was_left_out(positive):
    """The comments hold the research sentence and the reasons, and no patient."""
    comments = texts(positive[0].dataset)
    assert "Research use only. Not a medical device." in comments
    assert "Objects of the series that were not read: 1 x localizer." in comments
    assert not [text for text in comments if "Eva" in text or "4711" in text]


HOLE = Missing(
    part="hole",
    detail="no slice between image 7 (30.0 mm) and image 20 (125.0 mm): 95 mm, about 18 slices",
    from_mm=30.0,
    to_mm=125.0,
    slices=18,
    instance_numbers=(7, 20),
)
UNREAD = Missing(
    part="unread", detail="image 9 could not be read: damaged", from_mm=45.0, to_mm=45.0, slices=1
)


def first_sentence(document: Dataset) -> str:
    """What stands before everything else that a person reads."""
    return next(item for item in items(document) if item.ValueType == "TEXT").TextValue


def test_the_verdict_stands_first():
    """Before the observer, the image library and the measurements."""
    source = make_source(6)
    positive = sr_of(source, positive_reading(source))
    assert positive.ContentSequence[1].TextValue == first_sentence(positive)
    assert first_sentence(positive) == (
        "Intracranial hemorrhage: PRESENT. 3 of 6 slices positive (images 3 to 5); "
        "highest slice score 97.4 %, threshold 75 %."
    )
    assert first_sentence(sr_of(source, negative_reading(source))) == (
        "Intracranial hemorrhage: ABSENT. The whole head was read, 6 slices; "
        "highest slice score 2 %, threshold 75 %."
    )


def test_slices_of_two_acquisitions_are_not_one_range():
    """The last of the first one stands beside the first of the second, but does not lie there."""
    source = make_source(6)
    slices = tuple(
        replace(slice_, stack=index // 3) for index, slice_ in enumerate(source.series.slices)
    )
    source = replace(source, series=replace(source.series, slices=slices))
    document = sr_of(source, positive_reading(source))
    assert "3 of 6 slices positive (image 3, images 4 to 5)" in first_sentence(document)


def test_less_than_a_head_is_undetermined_and_says_what_is_missing():
    """In the verdict the first part and how many more, in the comments each with its place."""
    source = make_source(6)
    reading = replace(negative_reading(source), missing=(HOLE, UNREAD))
    document = sr_of(source, reading)
    assert first_sentence(document) == (
        "Intracranial hemorrhage: UNDETERMINED. None was found in the 6 slices that were read, but "
        f"a part of the head was not read ({HOLE.detail}; and 1 more part); "
        "highest slice score 2 %, threshold 75 %."
    )
    comments = texts(document)
    assert f"NOT READ: {HOLE.detail}." in comments
    assert "NOT READ: image 9 could not be read: damaged, at 45.0 mm." in comments
    assert "ABSENT" not in "".join(comments)


def test_a_positive_answer_says_what_was_not_read_too():
    """It stays present."""
    source = make_source(6)
    document = sr_of(source, replace(positive_reading(source), missing=(HOLE,)))
    assert first_sentence(document).startswith("Intracranial hemorrhage: PRESENT.")
    assert f"NOT READ: {HOLE.detail}." in texts(document)


def test_all_warnings_are_told():
    """What the series warns of; which model reads is in the verdict."""
    source = make_source(6)
    warnings = (
        SeriesWarning(kind="contrast_suspected", detail="vessels are bright"),
        SeriesWarning(kind="demonstration_model", detail="said elsewhere"),
    )
    reading = replace(negative_reading(source), warnings=warnings)
    comments = texts(sr_of(source, reading))
    assert "Warning: vessels are bright." in comments
    assert "said elsewhere" not in "".join(comments)


def test_what_was_left_out_is_counted_by_kind_with_a_few_named():
    """Never a clause for each object with its UID."""
    source = make_source(6)
    left_out = tuple(
        LeftOut(
            sop_instance_uid=f"1.2.{number}",
            kind="bone_kernel" if number > 2 else "localizer",
            reason=f"1.2.{number}: kernel",
            instance_number=number,
        )
        for number in range(1, 27)
    )
    comments = texts(sr_of(source, replace(negative_reading(source), left_out=left_out)))
    (told,) = [text for text in comments if text.startswith("Objects of the series")]
    assert told == (
        "Objects of the series that were not read: 24 x bone kernel (image 3, image 4, image 5, "
        "...); 2 x localizer (image 1, image 2)."
    )


def in_series_2(dataset: Dataset) -> None:
    dataset.SeriesNumber, dataset.SeriesDescription = 2, "HEAD 5mm"
    dataset.ConvolutionKernel, dataset.TimezoneOffsetFromUTC = "STANDARD", "+0100"


def test_the_series_and_the_result_that_is_replaced_are_named():
    """In words, and in the description of each series of results, at the time of the source's
    zone.
    """
    source = make_source(6, change=in_series_2)
    first = sr_of(source, negative_reading(source))
    assert first.SeriesDescription == "ICH AI SR, series 2 HEAD 5mm (research use only)"
    assert 'Series 2, "HEAD 5mm", 5 mm thick, kernel STANDARD, revision 1.' in texts(first)
    predecessor = Predecessor(
        series_instance_uid="1.2.3",
        sop_class_uid=first.SOPClassUID,
        sop_instance_uid="1.2.4",
        at=datetime(2024, 5, 17, 16, 59, 12, tzinfo=UTC),
    )
    second = replace(source, revision=2, predecessor=predecessor)
    document = sr_of(second, negative_reading(second))
    assert document.SeriesDescription == (
        "ICH AI SR, series 2 rev 2, replaces 17:59 (research use only)"
    )
    assert "This result replaces the result of 17:59." in texts(document)


@pytest.mark.parametrize("description", ["", "x" * 64, "Schädel nativ"])
@pytest.mark.parametrize("number", ["", "2", "20012001"])
@pytest.mark.parametrize("what", ["SR, not analysed", "SR", "overlay", "key slices"])
@pytest.mark.parametrize("revision", [1, 12])
def test_a_series_description_fits(description, number, what, revision):
    """64 characters at most; it always says what it is and what for."""
    for replaced in ("", "17:59"):
        words = series_description(
            what, number=number, description=description, revision=revision, replaced=replaced
        )
        assert len(words) <= 64
        assert words.startswith(f"ICH AI {what}")
        assert words.endswith(" (research use only)")
