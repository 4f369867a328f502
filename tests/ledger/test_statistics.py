"""What statistics count: each series once, with the answer that stands."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ich_node.answer import Answer
from ich_node.ledger import JobState, Lane
from ich_node.ledger.tables import jobs, scans
from ich_node.ledger.verdicts import TABLE, Verdict
from tests.documents.states.counted import MODEL, read
from tests.support.ledger_examples import SECOND, T0, add, claim

UNTIL = T0 + timedelta(days=10)


@pytest.fixture
def counted(ledger):
    """Series 1 was read twice, 2 once, 3 was withdrawn, 4 is for 2, 49 was refused, 6 waits."""
    read(ledger, 0, at=T0, score=0.2)
    read(ledger, 0, at=T0 + 60 * SECOND, score=0.95)
    for number in (1, 2, 3, 49):
        read(ledger, number, at=T0 + number * SECOND, score=0.5)
    add(ledger, series="2.25.60", at=T0)
    with ledger.database.write() as connection:
        for job_id, values in ((4, {"withdrawn_at": T0}), (5, {"in_favour_of": 3})):
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
    return ledger


def test_each_series_counts_once(counted):
    """The newest revision that has ended; what waits; an answer only where one stands."""
    with counted.statistics.view() as view:
        found = view.counts(T0, UNTIL)
        assert view.counts(UNTIL, UNTIL + SECOND) == []
    assert sum(each.series for each in found) == 6
    told = {
        (each.state, each.answer, bool(each.is_withdrawn), bool(each.is_for_another)): each.series
        for each in found
    }
    assert told == {
        (JobState.DONE, Answer.PRESENT, False, False): 1,
        (JobState.DONE, Answer.ABSENT, False, False): 1,
        (JobState.DONE, None, True, False): 1,
        (JobState.DONE, None, False, True): 1,
        (JobState.REFUSED, None, False, False): 1,
        (JobState.WAITING, None, False, False): 1,
    }
    assert {each.scanner for each in found if each.state is JobState.DONE} == {
        "Spiral 16", "Spiral 64",
    }  # fmt: skip


def test_a_revision_that_is_not_read_yet_hides_no_answer(counted):
    """Late slices of a series that was read: its answer stands until the next one."""
    add(counted, 77, series="2.25.2", at=T0 + 600 * SECOND)
    with counted.statistics.view() as view:
        assert sum(each.series for each in view.counts(T0, UNTIL)) == 6
        assert sorted(view.scores(T0, UNTIL).probabilities) == [0.5, 0.95]


def test_scores_and_times_are_of_answers_that_stand(counted):
    """Not of what was read again with another bundle, for that was long after it came."""
    with counted.statistics.view() as view:
        scores = view.scores(T0, UNTIL)
    assert (list(scores.probabilities), set(scores.bundles)) == ([0.5, 0.95], {MODEL})
    assert [float(each) for each in scores.seconds] == [13, 12]
    with counted.database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == 2).values(lane=Lane.AGAIN))
    with counted.statistics.view() as view:
        assert view.scores(T0, UNTIL).seconds[1] is None


def test_a_verdict_is_about_the_series(counted):
    """Also one that was given about the revision before."""
    given = {"at": T0, "type": "", "who": "dr", "origin": TABLE}
    counted.verdicts.record(
        [Verdict(job_id=job, bleeding=job == 1, **given) for job in (1, 3, 4)], by="ann"
    )
    with counted.statistics.view() as view:
        assert sorted(view.labelled(T0, UNTIL)) == [
            (Answer.ABSENT, False),
            (Answer.PRESENT, True),
        ]
        facts = list(view.series(T0, UNTIL))
    assert [(each.answer, each.verdict, each.reason) for each in facts] == [
        (Answer.ABSENT, False, None),
        (Answer.NOT_ANALYSED, None, "bone_kernel"),
        (Answer.PRESENT, True, None),
    ]
    assert {each.age_years for each in facts} == {21, 69, 20}


def test_a_scan_is_kept_once_and_as_long_as_its_job(ledger):
    """A refused series that is read again replaces its row; pruning takes it along."""
    job = read(ledger, 49, at=T0, score=0.5)
    ledger.operator.retry(job, now=T0 + 99 * SECOND)
    again = claim(ledger, at=T0 + 99 * SECOND)
    ledger.reading.refuse(again, now=T0 + 120 * SECOND, reason="x", detail="")
    read(ledger, 49, at=T0 + 200 * SECOND, score=0.5)
    with ledger.database.read() as connection:
        assert len(connection.execute(sa.select(scans)).all()) == 2
    ledger.telling.told(
        ledger.telling.untold("2.25.50.9"), seen=ledger.telling.study("2.25.50.9"),
        now=T0, by=None, why_not="",
    )  # fmt: skip
    late = T0 + timedelta(days=800)
    assert ledger.maintenance.sweep_series(idle_since=late, failed_too=True, limit=9, now=T0)
    assert ledger.maintenance.prune(swept_before=late, limit=9) == 2
    with ledger.database.read() as connection:
        assert connection.execute(sa.select(scans)).all() == []
