"""A study as people look at it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ich_node.answer import Answer
from ich_node.ledger import Job, JobState, Lane
from ich_node.study.overview import overview_of
from tests.support.ledger_examples import T0

LATE = timedelta(minutes=30)
JOB = Job(
    id=1, state=JobState.DONE, study_instance_uid="2.25.9", series_instance_uid="2.25.1",
    revision=1, attempts=1, ready_at=T0, first_received_at=T0, last_received_at=T0, content_at=T0,
    lease_owner=None, lease_until=None, reason=None, detail=None, answer=Answer.ABSENT,
    series_probability=0.1, bundle_sha256="b", source="ct", lane=Lane.ORDINARY, objects=30,
    transfer_aborted=False, in_favour_of=None, told_at=None, overdue_told_at=None,
    accession_hmac=None, patient_hmac=None, series_description=None, modality="CT", rule=None,
    held_until=None, released_at=None, read_with=None, withdrawn_at=None, withdrawn_code=None,
    withdrawn_reason=None, withdrawn_by=None,
)  # fmt: skip


def job(number: int, **values: object) -> Job:
    return replace(JOB, id=number, **{"series_instance_uid": f"2.25.{number}", **values})


def refused(number: int, reason: str, **values: object) -> Job:
    answer = Answer.NOT_ANALYSED
    return job(number, state=JobState.REFUSED, reason=reason, answer=answer, **values)


WAITING = {"state": JobState.WAITING, "answer": None}


@pytest.mark.parametrize(
    ("study", "answer", "given_by"),
    [
        ([job(1), job(2, answer=Answer.PRESENT)], Answer.PRESENT, 2),
        ([job(1), refused(2, "bone_kernel")], Answer.ABSENT, 1),
        ([job(1), refused(2, "crashed")], Answer.NOT_ANALYSED, 2),
        ([refused(1, "localizer"), refused(2, "bone_kernel")], Answer.NOT_ANALYSED, 1),
        ([refused(1, "localizer"), job(2, **WAITING)], None, None),
        ([job(1), job(2, **WAITING)], Answer.ABSENT, 1),
        ([job(1, answer=Answer.PRESENT, withdrawn_at=T0), job(2)], Answer.NOT_ANALYSED, 1),
        ([job(1, in_favour_of=2, answer=Answer.PRESENT), job(2)], Answer.ABSENT, 2),
        (
            [job(1, series_instance_uid="s"), job(2, series_instance_uid="s", revision=2)],
            Answer.ABSENT,
            1,
        ),
    ],
)
def test_a_study_has_one_answer(study, answer, given_by):
    """The most severe that stands; what every study has beside it does not count."""
    seen = overview_of(study, now=T0, late_after=LATE)
    assert seen.answer is answer
    assert (seen.given_by.id if seen.given_by else None) == given_by


def test_series_that_say_something_else():
    """Of the same acquisition; a later revision of a series that says so is no contradiction."""
    differs = job(1, in_favour_of=2, answer=Answer.UNDETERMINED)
    agrees = job(3, in_favour_of=2)
    replaced = job(4, in_favour_of=2, answer=Answer.PRESENT, series_instance_uid="2.25.2")
    seen = overview_of([differs, job(2), agrees, replaced], now=T0, late_after=LATE)
    assert [each.id for each in seen.not_told] == [1]


def test_a_series_is_overdue():
    """When it waits for longer than the site allows, from its last object or its release on."""
    held = job(2, **{**WAITING, "state": JobState.HELD})
    released = job(3, **WAITING, released_at=T0 + LATE)
    study = [job(1, **WAITING), held, released, job(4)]
    assert overview_of(study, now=T0 + LATE / 2, late_after=LATE).overdue == ()
    seen = overview_of(study, now=T0 + LATE, late_after=LATE)
    assert [each.id for each in seen.overdue] == [1]
    assert seen.is_pending
    assert [each.id for each in seen.series] == [1, 2, 3, 4]
