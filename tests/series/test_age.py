"""The patient's age, as headers state it, and the youngest that is read."""

import pytest
from pydicom import Dataset

from ich_node import errors
from ich_node.series.age import age_years
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from tests.support.heads import head_series


def aged(**attributes) -> float | None:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return age_years([Dataset(), dataset])


BORN = {"PatientBirthDate": "20100630", "StudyDate": "20260101"}


@pytest.mark.parametrize(
    ("attributes", "years"),
    [
        ({"PatientAge": "034Y"}, 34),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "003W"}, 0.0575),
        ({"PatientAge": "012D"}, 0.0329),
        ({"PatientAge": "000D"}, 0),
        ({"PatientAge": "34Y"}, 34),
        ({"PatientAge": "34"}, 34),
        (BORN, 15.507),
        ({"PatientBirthDate": "2010.06.30", "StudyDate": "2026.01.01"}, 15.507),
        ({"PatientAge": "000Y", **BORN}, 15.507),
        ({"PatientAge": "034Y", **BORN}, 34),
        ({"PatientBirthDate": "20100630", "StudyDate": "", "SeriesDate": "20260101"}, 15.507),
        ({}, None),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "UNK"}, None),
        ({"PatientAge": "999Y"}, None),
        ({"PatientBirthDate": "20100630"}, None),
        ({"PatientBirthDate": "", "StudyDate": "20260101"}, None),
        ({"PatientBirthDate": "18000101", "StudyDate": "20260101"}, None),
        ({"PatientBirthDate": "20270101", "StudyDate": "20260101"}, None),
        ({"PatientBirthDate": "20101399", "StudyDate": "20260101"}, None),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_the_age_is_stated_or_follows_from_dates(attributes, years):
    assert aged(**attributes) == (years if years is None else pytest.approx(years, abs=1e-3))


def test_a_child_is_refused_where_a_minimum_age_is_set():
    datasets = head_series(PatientAge="012Y")
    assert read_series(datasets).age_years == 12
    with pytest.raises(errors.TooYoung, match="younger than 18 years") as refused:
        read_series(datasets, rules=SelectionRules(minimum_age=18))
    assert refused.value.reason == "too_young"
    assert len(read_series(datasets, rules=SelectionRules(minimum_age=12)).slices) == 12


def test_an_unknown_age_is_read_with_a_warning():
    datasets = head_series(PatientBirthDate="")
    (warning,) = read_series(datasets, rules=SelectionRules(minimum_age=18)).warnings
    assert warning.kind == "age_unknown"
    assert read_series(datasets).warnings == ()
