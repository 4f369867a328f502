"""Fifteen series as PACS traffic brings them, from files on disk to the answer.

Most are one bleeding head whose headers or objects differ. Where the slices that are read have the
pixels of that head, the answer is that of the head, and the network need not run again.
"""

from pathlib import Path

import numpy as np
import pytest

from ich_node.answer import Answer
from ich_node.errors import Refusal
from ich_node.files.find import find_series
from ich_node.model.detector import Detector
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.model.test_published import published
from tests.support.cases import write_case
from tests.support.real import real


def series_of(folder: Path) -> Series:
    (files,), skipped = find_series([folder])
    assert not skipped
    return read_series(files.datasets(), single_slice=True)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(published("MaxPool.pt"))


@pytest.fixture(scope="module")
def bleeding() -> Series:
    return series_of(real("positive", "rsna-iph-66a50aa62a"))


def same_slices(series: Series, other: Series) -> bool:
    return len(series.slices) == len(other.slices) and all(
        np.array_equal(one.hu_YX, two.hu_YX)
        for one, two in zip(series.slices, other.slices, strict=True)
    )


def test_the_head_of_the_cases_bleeds(bleeding, detector):
    assert detector.read(bleeding).answer is Answer.PRESENT


@pytest.mark.parametrize(
    "name",
    [
        "leading_zeros",
        "whole_body",
        "post_op",
        "no_agent",
        "tab_in_patient_id",
        "long_rescale",
        "nobody",
        "text_page",
    ],
)
def test_words_numbers_and_pages_do_not_change_what_is_read(name, bleeding, tmp_path):
    series = series_of(write_case(name, tmp_path / name))
    assert same_slices(series, bleeding)
    kinds = [left.kind for left in series.left_out]
    assert kinds == (["derived_result"] if name == "text_page" else [])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("one_sop_uid", "shared_uid"),
        ("full_vessels", "contrast_enhanced"),
        ("injected", "contrast_enhanced"),
        ("endless_sequence", "undecodable"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(name, reason, tmp_path):
    with pytest.raises(Refusal) as caught:
        series_of(write_case(name, tmp_path / name))
    assert caught.value.reason == reason


def test_a_hole_is_named_and_the_answer_is_never_absent(tmp_path, detector):
    reading = detector.read(series_of(write_case("hole", tmp_path / "hole")))
    assert reading.answer in (Answer.PRESENT, Answer.UNDETERMINED)
    widest = max(reading.missing, key=lambda part: (part.to_mm or 0) - (part.from_mm or 0))
    assert (widest.from_mm, widest.to_mm, widest.instance_numbers) == (62.5, 162.5, (7, 20))


def test_the_second_acquisition_is_read_and_bleeds(tmp_path, detector):
    """Of the first one, slices of air lie where the second one shows brain: its positions are those
    of another head.
    """
    series = series_of(write_case("two_times", tmp_path / "two"))
    numbers = {slice_.instance_number for slice_ in series.slices}
    assert numbers >= {*range(1, 22), *range(27, 53)}
    assert {left.kind for left in series.left_out} <= {"no_head_shown"}
    assert detector.read(series).answer is Answer.PRESENT


def test_a_prone_head_is_read_as_a_supine_one(tmp_path, detector):
    supine = detector.read(series_of(real("negative", "rsna-515961ad20")))
    prone = detector.read(series_of(write_case("turned", tmp_path / "turned")))
    assert prone.series_probability == supine.series_probability
    assert prone.answer is supine.answer
