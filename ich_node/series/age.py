"""How old the patient is, as the headers say."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from pydicom import Dataset

from ich_node.errors import TooYoung
from ich_node.series.attributes import words_of
from ich_node.series.series import SeriesWarning

# PS3.5 6.2, AS: 034Y, 018M, 003W, 012D; people also write 34Y and 34
AGE = re.compile(r"^0*(\d{1,3})\s*([YMWD]?)$")
DAYS = {"Y": 365.25, "": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}
YEAR_DAYS = 365.25
DATES_OF_SCAN = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")
OLDEST_YEARS = 120


def age_years(datasets: Iterable[Dataset]) -> float | None:
    """PatientAge, else from the dates of birth and of the scan; the first that some object states.
    None if none does.
    """
    for dataset in datasets:
        years = _stated(dataset)
        if years is None:
            years = _between_dates(dataset)
        if years is not None:
            return years
    return None


def check_age(years: float | None, *, minimum_years: float) -> tuple[SeriesWarning, ...]:
    """minimum_years: 0 reads patients of any age. Raises TooYoung."""
    if minimum_years <= 0:
        return ()
    if years is None:
        return (
            SeriesWarning(
                kind="age_unknown",
                detail="the header does not say how old the patient is; "
                f"patients younger than {minimum_years:g} years are not read here",
            ),
        )
    if years < minimum_years:
        raise TooYoung(
            f"the patient is younger than {minimum_years:g} years ([selection] minimum_age)"
        )
    return ()


def _stated(dataset: Dataset) -> float | None:
    """PatientAge. 0 years is what some systems write where they know nothing."""
    found = AGE.match(words_of(dataset, "PatientAge").strip().upper())
    if not found or (int(found[1]) == 0 and found[2] in ("Y", "")):
        return None
    years = int(found[1]) * DAYS[found[2]] / YEAR_DAYS
    return years if years <= OLDEST_YEARS else None


def _between_dates(dataset: Dataset) -> float | None:
    born = _date(dataset, ("PatientBirthDate",))
    scanned = _date(dataset, DATES_OF_SCAN)
    if born is None or scanned is None:
        return None
    years = (scanned - born).days / YEAR_DAYS
    return years if 0 <= years <= OLDEST_YEARS else None


def _date(dataset: Dataset, keywords: Sequence[str]) -> date | None:
    """The first that is a date: 20260131, also with dots or hyphens."""
    for keyword in keywords:
        digits = re.sub(r"[.\-/]", "", words_of(dataset, keyword).strip())
        try:
            return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - a day, no instant
        except ValueError:
            continue
    return None
