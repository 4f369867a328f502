"""Jobs are found by what people know of them; every search follows an index."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.find import fill_with_jobs
from ich_node.answer import Answer
from ich_node.ledger import JobSearch, JobState, Ledger, SearchTerms, searching
from ich_node.ledger.searching import JobPlace
from tests.support.ledger_examples import (
    MAX_WAIT,
    QUIET,
    T0,
    add,
    claim,
    finish,
    instance,
)
from tests.support.node import opened_ledger

HOUR = timedelta(hours=1)
UID = "1.2.826.0.1.3680043.10.1624.{}"


@pytest.fixture(scope="module")
def full(request, new_ledger) -> Any:
    """Both databases with the same 6 jobs, one an hour: 1 done and present, owed; 2 done and
    absent, sent; 3 refused; 4 cancelled; 5 and 6 waiting.
    """
    ledgers = []
    for backend in ("sqlite", "postgresql"):
        url = new_ledger(backend)
        with opened_ledger(url) as ledger:
            fill(ledger)
            ledgers.append(url)
    return ledgers


@pytest.fixture(params=[0, 1], ids=["sqlite", "postgresql"])
def filled(request, full) -> Iterator[Ledger]:
    with opened_ledger(full[request.param]) as ledger:
        yield ledger


def fill(ledger: Ledger) -> None:
    for number in range(1, 7):
        at = T0 + number * HOUR
        ledger.receiving.add(
            instance(series=UID.format(f"{number % 2}.5000{number}"), at=at),
            ready_at=at + QUIET,
            max_wait=MAX_WAIT,
            terms=lambda number=number: SearchTerms(
                accession_hmac=f"accession {(number + 1) // 2}",
                patient_hmac=f"patient {number % 2}",
            ),
        )
        if number <= 3:
            job = claim(ledger, at=at + QUIET)
            if number == 3:
                ledger.reading.refuse(job, now=at, reason="bone_kernel", detail="")
            else:
                ledger.reading.finish(
                    job, now=at, answer=(Answer.PRESENT, Answer.ABSENT)[number - 1],
                    series_probability=0.5, bundle_sha256="b" * 64, results=[], destinations=(),
                )  # fmt: skip
        elif number == 4:
            ledger.operator.cancel(4, now=at)


def ids(ledger: Ledger, limit: int = 20, **search: Any) -> list[int]:
    return [job.id for job in ledger.searching.find(JobSearch(**search), limit=limit).jobs]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"accession_hmac": "accession 2"}, [4, 3]),
        ({"patient_hmac": "patient 1"}, [5, 3, 1]),
        ({"study_instance_uid": UID.format("1.50003.9")}, [3]),
        ({"since": T0 + 5 * HOUR}, [6, 5]),
        ({"until": T0 + 3 * HOUR}, [2, 1]),
        ({"source": "ct", "until": T0 + 2 * HOUR}, [1]),
        ({"source": "mr"}, []),
        ({"states": (JobState.WAITING,)}, [6, 5]),
        ({"states": (JobState.CANCELLED, JobState.DONE)}, [4, 2, 1]),
        ({"outcomes": (Answer.PRESENT, JobState.REFUSED)}, [3, 1]),
        ({"outcomes": (Answer.ABSENT,), "states": (JobState.REFUSED,)}, []),
        ({"patient_hmac": "patient 1", "states": (JobState.WAITING,)}, [5]),
        ({"source": "ct", "outcomes": (Answer.ABSENT,), "states": (JobState.DONE,)}, [2]),
    ],
)
def test_all_that_is_asked_is_true(filled: Ledger, search: dict, expected: list[int]) -> None:
    """The newest first."""
    assert ids(filled, **search) == expected


def test_what_is_left_out_is_counted(filled: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a limit: counting takes no longer in a longer ledger."""
    found = filled.searching.find(JobSearch(), limit=2)
    assert ([job.id for job in found.jobs], found.left_out) == ([6, 5], 4)
    assert filled.searching.find(JobSearch(), limit=6).left_out == 0
    monkeypatch.setattr(searching, "MOST_COUNTED", 1)
    assert filled.searching.find(JobSearch(), limit=2).left_out == 2


@pytest.mark.parametrize("search", [{}, {"states": (JobState.DONE, JobState.WAITING)}])
def test_pages_follow_one_another(filled: Ledger, search: dict) -> None:
    """Each place divides the list: what is older begins behind it, what is newer ends before it."""
    whole = filled.searching.find(JobSearch(**search), limit=9).jobs
    places = [JobPlace(job.first_received_at, job.id) for job in whole]
    numbers = [job.id for job in whole]
    for index, place in enumerate(places):
        assert ids(filled, older_than=place, **search) == numbers[index + 1 :]
        assert ids(filled, newer_than=place, **search) == numbers[:index]
        assert ids(filled, limit=2, newer_than=place, **search) == numbers[:index][-2:]
        found = filled.searching.find(JobSearch(older_than=place, **search), limit=1)
        assert found.left_out == max(len(numbers) - index - 2, 0)
        has_any = filled.searching.has_any(JobSearch(newer_than=place, **search))
        assert has_any == (index > 0)


def test_pages_of_series_that_came_at_one_time(ledger: Ledger) -> None:
    """The number of the job decides; also in the list of what is owed."""
    for number in range(1, 5):
        add(ledger, series=f"2.25.{number}")
    for _ in range(4):
        finish(ledger, claim(ledger))
    for search in ({}, {"is_owed": True}):
        assert ids(ledger, limit=2, **search) == [4, 3]
        assert ids(ledger, older_than=JobPlace(T0, 3), **search) == [2, 1]
        assert ids(ledger, limit=1, newer_than=JobPlace(T0, 2), **search) == [3]


def test_when_a_job_was_answered(filled: Ledger) -> None:
    """Also one that was refused; not one that waits or was cancelled."""
    found = filled.searching.find(JobSearch(), limit=9).jobs
    assert filled.searching.answered_at(found) == {
        number: T0 + number * HOUR for number in (1, 2, 3)
    }


def test_the_end_of_a_uid_names_its_series(filled: Ledger) -> None:
    """The shortest one of at least eight characters that no other series has."""
    found = filled.searching.find(JobSearch(), limit=9)
    assert found.ends[UID.format("0.50006")] == ".0.50006"
    assert [job.id for job in filled.searching.by_uid(".0.50006")] == [6]
    assert [job.id for job in filled.searching.by_uid("1624.0.50006")] == [6]
    assert filled.searching.by_uid("4.0.50007") == []


def test_ends_that_several_series_share_are_longer(ledger: Ledger) -> None:
    """A scanner whose UIDs end alike; revisions of one series share its end."""
    for start in ("1.1", "1.2", "2.2"):
        add(ledger, series=f"1.2.3.{start}.000000001")
    add(ledger, series="2.25.1")
    ledger.operator.cancel(1, now=T0)
    add(ledger, 2, series="1.2.3.1.1.000000001")
    found = ledger.searching.find(JobSearch(), limit=9)
    assert found.ends == {
        "1.2.3.1.1.000000001": "1.000000001",
        "1.2.3.1.2.000000001": "1.2.000000001",
        "1.2.3.2.2.000000001": "2.2.000000001",
        "2.25.1": "2.25.1",
    }
    assert [job.id for job in ledger.searching.by_uid("1.000000001")] == [5]
    assert [job.id for job in ledger.searching.by_uid("00000001")] == [5, 3, 2]
    assert [job.id for job in ledger.searching.by_uid("2.25.1")] == [4]


def test_what_is_owed(ledger: Ledger) -> None:
    """To whom, and how many results; nothing of what was sent."""
    for number in (1, 2, 3):
        add(ledger, series=f"2.25.{number}", at=T0 + number * HOUR)
        finish(ledger, claim(ledger, at=T0 + number * HOUR + QUIET), destinations=("pacs", "ris"))
    sent = ledger.delivery.claim_deliveries(owner="a", now=T0 + 9 * HOUR, lease=HOUR, limit=9)
    ledger.delivery.delivered([one.id for one in sent], owner="a", now=T0 + 9 * HOUR)
    owed = ledger.searching.find(JobSearch(is_owed=True), limit=9)
    assert [job.id for job in owed.jobs] == [3, 2, 1]
    (to,) = {one.destination for one in sent}
    (other,) = {"pacs", "ris"} - {to}
    assert owed.owed[sent[0].job_id] == {other: 2}
    assert owed.owed[3] == {"pacs": 2, "ris": 2}
    assert ids(ledger, is_owed=True, until=T0 + 2 * HOUR) == [1]
    assert ids(ledger, is_owed=True, limit=1) == [3]


def test_sources_are_named(ledger: Ledger) -> None:
    """Those that sent something, each once."""
    assert ledger.searching.sources() == []
    add(ledger)
    add(ledger, series="2.25.2")
    assert ledger.searching.sources() == ["ct"]


def test_jobs_from_before_there_were_search_terms(ledger: Ledger, tmp_path) -> None:
    """They are not found by an accession number, and who looks for one is told."""
    assert not ledger.searching.has_jobs_without_search_terms()
    add(ledger)
    assert ledger.searching.has_jobs_without_search_terms()
    ledger.search_keys.for_receiving(tmp_path / "key", now=T0 - HOUR)
    assert not ledger.searching.has_jobs_without_search_terms()


# --- terms of a series


def received(ledger: Ledger, number: int, revision: int = 1, **terms: str | None) -> SearchTerms:
    """An object with these terms arrives; the terms of its series afterwards."""
    ledger.receiving.add(
        instance(number), ready_at=T0 + QUIET, max_wait=MAX_WAIT, terms=lambda: SearchTerms(**terms)
    )
    job = ledger.operator.list()[0]
    assert job.revision == revision
    return SearchTerms(
        accession_hmac=job.accession_hmac,
        patient_hmac=job.patient_hmac,
        series_description=job.series_description,
        modality=job.modality,
    )


def test_the_first_object_that_has_a_term_counts(ledger: Ledger) -> None:
    """The first of the series may lack it; later objects add what is missing and change nothing. A
    new revision keeps all.
    """
    assert received(ledger, 1, modality="CT") == SearchTerms(modality="CT")
    assert received(ledger, 2, accession_hmac="a").accession_hmac == "a"
    received(ledger, 3, accession_hmac="other", patient_hmac="p")
    ledger.operator.cancel(1, now=T0)
    again = received(ledger, 4, 2, series_description="HEAD")
    expected = SearchTerms(
        accession_hmac="a", patient_hmac="p", series_description="HEAD", modality="CT"
    )
    assert again == expected


def test_terms_are_not_asked_for_when_all_are_known(ledger: Ledger) -> None:
    """Hashing and decoding would cost something for each of 3 million objects a day."""
    full = {"accession_hmac": "a", "patient_hmac": "p", "series_description": "h", "modality": "CT"}
    received(ledger, 1, **full)

    def asked() -> SearchTerms:
        raise AssertionError

    ledger.receiving.add(instance(2), ready_at=T0 + QUIET, max_wait=MAX_WAIT, terms=asked)


# --- every search follows an index


FEW = 2_000
FILTERS = {
    "accession": {"accession_hmac": "accession 2"},
    "patient": {"patient_hmac": "patient 1"},
    "study": {"study_instance_uid": "2.25.9"},
    "since": {"since": T0},
    "until": {"until": T0},
    "source": {"source": "ct"},
    "state": {"states": (JobState.WAITING, JobState.DONE)},
    "positive": {"outcomes": (Answer.PRESENT,)},
    "refused": {"outcomes": (JobState.REFUSED,)},
    "owed": {"is_owed": True},
    "nothing": {},
    "all": {
        "source": "ct", "states": (JobState.DONE,), "outcomes": (Answer.ABSENT,), "since": T0,
        "is_owed": True,
    },
    "all but owed": {
        "source": "ct", "states": (JobState.DONE,), "outcomes": (Answer.ABSENT,), "since": T0,
    },
    "the next page": {"older_than": JobPlace(T0 - 20 * HOUR, 7000)},
    "the page before": {"newer_than": JobPlace(T0 - 20 * HOUR, 7000)},
    "the next page of a source": {"source": "ct-1", "older_than": JobPlace(T0 - 20 * HOUR, 7000)},
    "the next page of what is owed": {
        "is_owed": True, "older_than": JobPlace(T0 - 20 * HOUR, 7000),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def many(new_ledger) -> list[str]:
    """Both databases with 10,000 jobs and what they owe, of which PostgreSQL has statistics."""
    urls = []
    for backend in ("sqlite", "postgresql"):
        urls.append(new_ledger(backend))
        with opened_ledger(urls[-1]) as ledger:
            fill_with_jobs(ledger, 10_000, newest_at=T0)
    return urls


@pytest.mark.parametrize("backend", [0, 1], ids=["sqlite", "postgresql"])
def test_every_search_follows_an_index(many: list[str], backend: int) -> None:
    """Jobs and deliveries are neither all read nor all sorted."""
    with opened_ledger(many[backend]) as ledger:
        for name, search in FILTERS.items():
            for plan in plans(ledger, JobSearch(**search)):
                assert not re.search(r"SCAN (jobs|deliveries)(?! USING)|Seq Scan", plan), plan
                if name not in ("accession", "patient", "study"):  # SQLite sorts these few
                    assert "TEMP B-TREE" not in plan, plan
                sorted_by_postgresql = re.findall(r"-> +Sort .* rows=(\d+)", plan)
                assert all(int(rows) < FEW for rows in sorted_by_postgresql), plan


def plans(ledger: Ledger, search: JobSearch) -> list[str]:
    """How the database executes each statement of this search that orders jobs."""
    executed: list[tuple[str, Any]] = []

    def remember(_, __, statement, parameters, *___) -> None:
        ordered = "ORDER BY jobs.first_received_at", "min(jobs.first_received_at)"
        if any(words in statement for words in ordered):
            executed.append((statement, parameters))

    engine = ledger.database.engine
    sa.event.listen(engine, "before_cursor_execute", remember)
    ledger.searching.find(search, limit=20)
    sa.event.remove(engine, "before_cursor_execute", remember)
    assert executed
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        return [
            "\n".join(
                str(row[-1])
                for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
            )
            for statement, parameters in executed
        ]
