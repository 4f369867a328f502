"""Studies with the newest series first; every page begins where the one before ended."""

from datetime import timedelta

import pytest

from benchmarks.find import fill_with_jobs
from ich_node.ledger import JobSearch, Ledger, study_search
from tests.support.ledger_examples import MAX_WAIT, QUIET, T0, instance
from tests.support.node import opened_ledger

HOUR = timedelta(hours=1)
# study of each series, in the order of their arrival
STUDIES = "aabacbdca"


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    for number, study in enumerate(STUDIES, start=1):
        at = T0 + number * HOUR
        ledger.receiving.add(
            instance(series=f"2.25.{number}", study=study, at=at),
            ready_at=at + QUIET,
            max_wait=MAX_WAIT,
        )
    return ledger


def pages(ledger: Ledger, *, limit: int, **search: object) -> list[list[tuple[str, list[int]]]]:
    """The studies of each page, with their jobs."""
    found = ledger.studies.find(JobSearch(**search), limit=limit)
    shown = [[(study[0].study_instance_uid, [job.id for job in study]) for study in found.studies]]
    if found.older_than is None:
        return shown
    return shown + pages(ledger, limit=limit, **{**search, "older_than": found.older_than})


def test_each_study_is_shown_once(filled: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its newest series stands, with all its series; also where few jobs are looked at."""
    expected = [("a", [1, 2, 4, 9]), ("c", [5, 8]), ("d", [7]), ("b", [3, 6])]
    assert pages(filled, limit=9) == [expected]
    for at_a_time in (1, 4):
        monkeypatch.setattr(study_search, "JOBS_FOR_ONE", at_a_time)
        assert pages(filled, limit=1) == [[study] for study in expected]
        assert pages(filled, limit=2) == [expected[:2], expected[2:]]


def test_studies_with_a_series_that_is_looked_for(filled: Ledger) -> None:
    """They stand where the newest of these series stands, and are shown with all the others."""
    before = {"until": T0 + 6.5 * HOUR}
    expected = [("b", [3, 6]), ("c", [5, 8]), ("a", [1, 2, 4, 9])]
    assert pages(filled, limit=9, **before) == [expected]
    assert pages(filled, limit=1, **before) == [[study] for study in expected]
    assert pages(filled, limit=9, source="mr") == [[]]


def test_the_newest_studies_of_many_jobs(sqlite_url: str) -> None:
    """Each with all its series."""
    with opened_ledger(sqlite_url) as ledger:
        fill_with_jobs(ledger, 10_000, newest_at=T0)
        found = ledger.studies.find(JobSearch(), limit=3)
        assert [study[0].study_instance_uid[-5:] for study in found.studies] == [
            "03333", "03332", "03331",
        ]  # fmt: skip
        assert [len(study) for study in found.studies] == [2, 3, 3]
