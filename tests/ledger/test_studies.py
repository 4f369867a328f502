"""One study: read by one process at a time, set aside and put back, told of once."""

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from time import monotonic

import pytest

from ich_node.answer import Answer
from ich_node.ledger import Job, JobState, Lane, LeaseLost, Ledger, Result, open_ledger
from tests.support.ledger_examples import (
    LEASE,
    QUIET,
    SECOND,
    T0,
    add,
    claim,
    finish,
    processes,
)

READY = T0 + QUIET
STUDY = "2.25.99"
SERIES = ("2.25.1", "2.25.2", "2.25.3")


@pytest.fixture
def study(ledger: Ledger) -> Ledger:
    """Three series of one study are ready."""
    for series in SERIES:
        add(ledger, series=series, study=STUDY)
    return ledger


def refuse(ledger: Ledger, job: Job, *, at: datetime = READY) -> None:
    ledger.reading.refuse(job, now=at, reason="bone_kernel", detail="the kernel is for bone")


def states(ledger: Ledger) -> list[JobState]:
    return [job.state for job in reversed(ledger.operator.list())]


def message(number: int = 1) -> Result:
    return Result(
        sop_instance_uid=f"2.25.8.{number}",
        sop_class_uid="",
        kind="notification",
        path="",
        sha256=f"{number}",
        size_bytes=1,
    )


def test_a_study_is_read_by_one_process_at_a_time(study):
    """Other studies are not kept waiting."""
    add(study, series="2.25.7")
    first = claim(study, owner="host:1")
    other = claim(study, owner="host:2")
    assert (first.study_instance_uid, other.series_instance_uid) == (STUDY, "2.25.7")
    assert claim(study, owner="host:3") is None
    assert not study.reading.is_any_ready(now=READY)
    finish(study, first)
    assert claim(study, owner="host:3").study_instance_uid == STUDY


def read_in_turn(url: str, owner: str) -> list[tuple[str, float, float]]:
    """Claim, hold and finish whatever is ready: the study of each, and when it was held."""
    ledger, held = open_ledger(url), []
    while ledger.reading.is_any_ready(now=READY) or any(
        job.state is JobState.READING for job in ledger.operator.list(limit=200)
    ):
        job = claim(ledger, owner=owner)
        if job is None:
            continue
        began = monotonic()
        ledger.reading.instances(job)
        ended = monotonic()
        finish(ledger, job, count=1)
        held.append((job.study_instance_uid, began, ended))
    ledger.dispose()
    return held


def test_six_processes_never_read_one_study_at_once(url, ledger):
    """40 series of 8 studies: each is read once, and no two of a study overlap."""
    for number in range(40):
        add(ledger, series=f"2.25.{number + 1}", study=f"2.25.9{number % 8}")
    with processes(6) as pool:
        shares = pool.map(read_in_turn, [url] * 6, [f"host:{number}" for number in range(6)])
        held = [one for share in shares for one in share]
    of_study = defaultdict(list)
    for study_uid, began, ended in held:
        of_study[study_uid].append((began, ended))
    assert [job.state for job in ledger.operator.list(limit=50)] == [JobState.DONE] * 40
    assert {study_uid: len(times) for study_uid, times in of_study.items()} == {
        f"2.25.9{number}": 5 for number in range(8)
    }
    for times in of_study.values():
        times.sort()
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))


ENDS_WITHOUT_A_CERTAIN_ANSWER = {
    "refused": refuse,
    "failed": lambda ledger, job: ledger.reading.fail(
        job, now=READY, reason="crashed", detail="", retry_at=None
    ),
    "undetermined": lambda ledger, job: ledger.reading.finish(
        job,
        now=READY,
        answer=Answer.UNDETERMINED,
        series_probability=0.1,
        bundle_sha256="b",
        results=[],
        destinations=[],
    ),
    "hung": lambda ledger, _: claim(ledger, at=READY + 9 * LEASE, max_attempts=1),
    "cancelled": lambda ledger, job: (
        ledger.reading.release(job, now=READY),
        ledger.operator.cancel(job.id, now=READY),
    ),
}


@pytest.mark.parametrize("end", ENDS_WITHOUT_A_CERTAIN_ANSWER)
def test_a_job_that_was_set_aside_waits_again(study, end):
    """When the one that was to be read instead gives no certain answer."""
    aside = claim(study)
    study.reading.set_aside(aside, now=READY, in_favour_of=2, detail="series 2 is read instead")
    shelved = study.operator.get(aside.id)
    assert (shelved.state, shelved.attempts, shelved.in_favour_of) == (JobState.SET_ASIDE, 0, 2)
    chosen = claim(study)
    assert chosen.id == 2
    ENDS_WITHOUT_A_CERTAIN_ANSWER[end](study, chosen)
    back = study.operator.get(aside.id)
    assert back.in_favour_of is None
    assert back.state in (JobState.WAITING, JobState.READING)
    assert "waits again" in [event.event for event in study.operator.events(aside.id)]


def test_a_job_that_was_set_aside_stays_so_beside_an_answer(study):
    """A certain one."""
    study.reading.set_aside(claim(study), now=READY, in_favour_of=2, detail="")
    finish(study, claim(study))
    assert states(study) == [JobState.SET_ASIDE, JobState.DONE, JobState.WAITING]


@pytest.mark.parametrize(
    ("aside", "objects", "lane"),
    [
        (Lane.SUSPECTED, 1, Lane.SUSPECTED),
        (Lane.SUSPECTED, 101, Lane.LARGE),
        (Lane.URGENT, 101, Lane.URGENT),
    ],
)
def test_the_lane_goes_to_the_job_that_is_read_instead(ledger, aside, objects, lane):
    """What looked positive while it arrived is still read before ordinary ones; a large series
    overtakes nobody but by urgency.
    """
    add(ledger, series="2.25.1", study=STUDY, urgent=aside is Lane.URGENT)
    for number in range(objects):
        add(ledger, number, series="2.25.2", study=STUDY)
    if aside is Lane.SUSPECTED:
        ledger.reading.previews.finish(ledger.operator.get(1), objects=1, suspected=True)
    job = claim(ledger)
    assert job.lane is aside
    ledger.reading.set_aside(job, now=READY, in_favour_of=2, detail="")
    assert ledger.operator.get(2).lane is lane


def test_set_aside_needs_the_lease(study):
    job = claim(study)
    finish(study, job)
    with pytest.raises(LeaseLost):
        study.reading.set_aside(job, now=READY, in_favour_of=2, detail="")


def test_a_refusal_is_due_when_nothing_of_its_study_is_pending(study):
    """Or when it has waited long enough."""
    long_ago = READY - SECOND
    refuse(study, claim(study))
    assert study.telling.due_studies(long_ago=long_ago, limit=9) == []
    assert study.telling.due_studies(long_ago=READY, limit=9) == [STUDY]
    finish(study, claim(study))
    assert study.telling.due_studies(long_ago=long_ago, limit=9) == []
    finish(study, claim(study))
    assert study.telling.due_studies(long_ago=long_ago, limit=9) == [STUDY]
    assert [job.id for job in study.telling.untold(STUDY)] == [1]


def test_what_was_told_is_owed_and_not_due_any_more(study):
    """In one transaction."""
    for _ in SERIES:
        refuse(study, claim(study))
    seen = study.telling.study(STUDY)
    told = {"now": READY, "by": seen[1], "results": [message()], "notify": ["ris"]}
    assert study.telling.told(seen, seen=seen, **told)
    assert study.telling.due_studies(long_ago=READY, limit=9) == []
    assert [delivery.destination for delivery in study.operator.deliveries(seen[1].id)] == ["ris"]
    assert [job.told_at for job in study.telling.study(STUDY)] == [None, READY, None]
    assert not study.telling.told(seen, seen=seen, **told), "by another process in the meantime"
    assert len(study.operator.results(seen[1].id)) == 1


def test_an_answer_in_the_meantime_is_not_overlooked(study):
    """The teller looked, then a series was read: nothing is told."""
    refuse(study, claim(study))
    seen = study.telling.study(STUDY)
    finish(study, claim(study), count=0)
    assert not study.telling.told(
        seen[:1], seen=seen, now=READY, by=seen[0], results=[message()], notify=["ris"]
    )
    assert study.telling.untold(STUDY)
    assert study.operator.results(1) == []


def test_late_jobs_that_wait_or_are_read(study):
    """Until it is told; what has ended is not late."""
    finish(study, claim(study))
    claim(study)
    assert study.telling.overdue(long_ago=T0 - SECOND, limit=9) == []
    late = study.telling.overdue(long_ago=T0, limit=9)
    assert [job.id for job in late] == [2, 3]
    seen = study.telling.study(STUDY)
    assert study.telling.told_overdue(
        late, seen=seen, now=READY, by=late[0], results=[message()], notify=["ris"]
    )
    assert study.telling.overdue(long_ago=T0, limit=9) == []
    assert study.operator.get(2).state is JobState.READING


def test_a_retry_begins_anew(study):
    """Nothing is left of the refusal but the time at which it was told."""
    refuse(study, claim(study))
    seen = study.telling.study(STUDY)
    study.telling.told(seen[:1], seen=seen, now=READY, by=seen[0], results=[message()])
    study.operator.retry(1, now=READY)
    again = study.operator.get(1)
    assert (again.answer, again.reason, again.told_at) == (None, None, READY)
    assert study.telling.untold(STUDY) == []


def test_a_broken_transfer_is_known_until_one_ends(ledger):
    """A later association that brings the series and is released makes it whole again."""
    add(ledger)
    for aborted, known in ((True, True), (None, True), (False, False), (True, True)):
        ledger.receiving.set_ready(["2.25.1"], ready_at=READY, aborted=aborted)
        assert ledger.operator.get(1).transfer_aborted is known
    assert claim(ledger).transfer_aborted


def finish_undetermined(ledger: Ledger) -> Job:
    job = claim(ledger)
    ENDS_WITHOUT_A_CERTAIN_ANSWER["undetermined"](ledger, job)
    return job


def test_a_transfer_that_is_completed_without_new_objects_is_read_again(ledger):
    """All had arrived before the association broke: the next revision has the same objects."""
    add(ledger)
    ledger.receiving.set_ready(["2.25.1"], ready_at=READY, aborted=True)
    first = finish_undetermined(ledger)
    ledger.receiving.transfer_completed("2.25.1", now=READY)
    second = claim(ledger)
    assert (second.revision, second.transfer_aborted, second.objects) == (2, False, 1)
    assert ledger.reading.instances(second) == ledger.reading.instances(first)
    finish(ledger, second)
    ledger.receiving.transfer_completed("2.25.1", now=READY)
    assert len(ledger.operator.list()) == 2


def test_a_whole_transfer_is_not_read_again(ledger):
    """Its answer may be undetermined for another reason."""
    add(ledger)
    finish_undetermined(ledger)
    ledger.receiving.transfer_completed("2.25.1", now=READY)
    assert len(ledger.operator.list()) == 1


def test_what_is_set_aside_is_swept_and_does_not_come_back_then(study):
    """Its files are gone."""
    study.reading.set_aside(claim(study), now=READY, in_favour_of=2, detail="")
    paths = study.maintenance.sweep_series(
        idle_since=READY, failed_too=False, limit=9, now=READY + SECOND
    )
    assert len(paths) == 1
    refuse(study, claim(study))
    assert study.operator.get(1).state is JobState.SET_ASIDE
