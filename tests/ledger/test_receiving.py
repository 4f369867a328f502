"""Objects arrive, and a series becomes a job."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from ich_node.ledger import Added, JobState
from tests.support.ledger_examples import (
    LEASE,
    MAX_WAIT,
    QUIET,
    SECOND,
    T0,
    add,
    add_range,
    claim,
    finish,
    instance,
    processes,
)


def test_first_object_opens_a_job(ledger):
    """The first object of a series makes a job that waits for the quiet time."""
    assert add(ledger) is Added.NEW
    (job,) = ledger.operator.list()
    assert (job.state, job.revision, job.attempts, job.source) == (JobState.WAITING, 1, 0, "ct")
    assert (job.first_received_at, job.last_received_at, job.ready_at) == (T0, T0, T0 + QUIET)
    assert job.content_at is None


def test_later_objects_join_it(ledger):
    """Each further object of the series joins the job and starts the quiet time anew."""
    add(ledger, 1)
    assert add(ledger, 2, at=T0 + 5 * SECOND) is Added.NEW
    (job,) = ledger.operator.list()
    assert (job.last_received_at, job.ready_at) == (T0 + 5 * SECOND, T0 + 5 * SECOND + QUIET)
    assert ledger.operator.instances(job) == [instance(1), instance(2, at=T0 + 5 * SECOND)]


def test_same_bytes_again_change_nothing(ledger):
    """An object that is sent twice is recorded once, and its job stays as it was."""
    add(ledger)
    before = ledger.operator.list()
    assert add(ledger, at=T0 + 9 * SECOND) is Added.DUPLICATE
    assert ledger.operator.list() == before
    assert ledger.operator.instances(before[0]) == [instance()]


def test_same_bytes_after_the_reading_open_no_revision(ledger):
    """A series that is sent again after it was read is not read again."""
    add(ledger)
    finish(ledger, claim(ledger))
    assert add(ledger, at=T0 + 100 * SECOND) is Added.DUPLICATE
    assert [job.revision for job in ledger.operator.list()] == [1]


def test_other_bytes_under_the_same_uid_while_waiting(ledger):
    """A corrected object that comes before the reading joins the waiting job, which reads the newer
    version.
    """
    add(ledger)
    assert add(ledger, data="corrected") is Added.NEW_VERSION
    (job,) = ledger.operator.list()
    assert ledger.operator.instances(job) == [instance(data="corrected")]


def test_other_bytes_under_the_same_uid_after_the_claim(ledger):
    """A corrected object that comes after the claim is a new revision; each revision reads its own
    version.
    """
    add(ledger, 1)
    add(ledger, 2)
    first = claim(ledger)
    assert add(ledger, 1, data="corrected", at=T0 + 30 * SECOND) is Added.NEW_VERSION
    second, _ = ledger.operator.list()
    assert (second.revision, second.state, second.ready_at) == (
        2,
        JobState.WAITING,
        T0 + 30 * SECOND + QUIET,
    )
    assert ledger.operator.instances(first) == [instance(1), instance(2)]
    assert ledger.operator.instances(second) == [
        instance(2),
        instance(1, data="corrected", at=T0 + 30 * SECOND),
    ]


@pytest.mark.parametrize("end", ["finish", "refuse", "fail", "release", "try again", "cancel"])
def test_late_object_opens_a_revision(ledger, end):
    """However the claimed job went on, it never grows: a late object opens revision 2, which covers
    the whole series.
    """
    add(ledger, 1)
    if end == "cancel":
        ledger.operator.cancel(1, now=T0)
    else:
        job = claim(ledger)
        at = T0 + QUIET
        {
            "finish": lambda: finish(ledger, job),
            "refuse": lambda: ledger.reading.refuse(
                job, now=at, reason="too_few_slices", detail="1 slice"
            ),
            "fail": lambda: ledger.reading.fail(
                job, now=at, reason="bug", detail="ValueError", retry_at=None
            ),
            "release": lambda: ledger.reading.release(job, now=at),
            "try again": lambda: ledger.reading.fail(
                job, now=at, reason="bug", detail="ValueError", retry_at=at + LEASE
            ),
        }[end]()
    assert add(ledger, 2, at=T0 + 60 * SECOND) is Added.NEW
    second, first = ledger.operator.list()
    assert [first.revision, second.revision] == [1, 2]
    assert [row.sop_instance_uid for row in ledger.operator.instances(first)] == ["2.25.1.1"]
    assert [row.sop_instance_uid for row in ledger.operator.instances(second)] == [
        "2.25.1.1",
        "2.25.1.2",
    ]


def test_a_retried_revision_does_not_grow_beside_a_newer_one(ledger):
    """A cancelled revision that is taken up again stays as it was; what arrives joins the
    newest.
    """
    add(ledger, 1)
    ledger.operator.cancel(1, now=T0)
    add(ledger, 2, at=T0 + 60 * SECOND)
    ledger.operator.retry(1, now=T0 + 61 * SECOND)
    add(ledger, 3, at=T0 + 62 * SECOND)
    assert [len(ledger.operator.instances(job)) for job in ledger.operator.list()] == [3, 1]


def test_longest_wait(ledger):
    """A series that never falls quiet is read max_wait after its first object, whatever arrives or
    is asked for.
    """
    add(ledger, 1)
    add(ledger, 2, at=T0 + MAX_WAIT - SECOND)
    assert ledger.operator.get(1).ready_at == T0 + MAX_WAIT
    ledger.receiving.set_ready(["2.25.1"], ready_at=T0 + 2 * MAX_WAIT)
    assert ledger.operator.get(1).ready_at == T0 + MAX_WAIT


def test_set_ready(ledger):
    """The receiver may bring forward or put off only what still grows."""
    for series in ("2.25.1", "2.25.2", "2.25.3"):
        add(ledger, series=series)
    claimed = claim(ledger)
    ledger.reading.release(claimed, now=T0 + QUIET)
    ledger.receiving.set_ready({"2.25.1", "2.25.2"}, ready_at=T0 + 5 * SECOND)
    assert [job.ready_at - T0 for job in ledger.operator.list()] == [QUIET, 5 * SECOND, QUIET]


def test_set_ready_of_nothing(ledger):
    """An association that carried no series moves nothing."""
    add(ledger)
    ledger.receiving.set_ready([], ready_at=T0)
    assert ledger.operator.get(1).ready_at == T0 + QUIET


def test_series_positions(ledger):
    """The completeness test sees each object of the series once, in its newest version, and nothing
    once it was claimed.
    """
    add(ledger, 1, orientation="axial", position_mm=0.0)
    add(ledger, 2, orientation="axial", position_mm=5.0)
    add(ledger, 2, data="corrected", orientation="axial", position_mm=6.0)
    add(ledger, 3)
    add(ledger, 1, series="2.25.2", orientation="axial", position_mm=99.0)
    assert ledger.receiving.series_positions("2.25.1") == [
        ("axial", 0.0),
        ("axial", 6.0),
        (None, None),
    ]
    claim(ledger)
    assert ledger.receiving.series_positions("2.25.1") == []


def test_positions_of_a_new_revision_are_those_of_the_whole_series(ledger):
    """A late slice completes the stack of those that came before it."""
    add(ledger, 1, orientation="axial", position_mm=0.0)
    finish(ledger, claim(ledger))
    add(ledger, 2, at=T0 + 60 * SECOND, orientation="axial", position_mm=5.0)
    assert ledger.receiving.series_positions("2.25.1") == [("axial", 0.0), ("axial", 5.0)]


def test_one_series_uid_in_two_studies(ledger):
    """A series UID that was used in two studies makes two jobs, whose objects never mix."""
    add(ledger, 1, study="2.25.8")
    add(ledger, 2, study="2.25.9")
    assert [
        [row.study_instance_uid for row in ledger.operator.instances(job)]
        for job in ledger.operator.list()
    ] == [
        ["2.25.9"],
        ["2.25.8"],
    ]


def test_time_zone_is_required(ledger):
    """A time without a zone is a mistake, not a guess."""
    with pytest.raises(Exception, match="no time zone"):
        add(ledger, at=T0.replace(tzinfo=None))


def test_threads_add_to_one_series(ledger):
    """Associations that carry the same series at once make one job that covers all their
    objects.
    """
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda number: add(ledger, number % 40), range(80)))
    assert sorted(answer.name for answer in added) == ["DUPLICATE"] * 40 + ["NEW"] * 40
    (job,) = ledger.operator.list()
    assert len(ledger.operator.instances(job)) == 40


def test_processes_add_to_one_series(url, ledger):
    """Receivers on several hosts record each object once, in one job."""
    with processes(4) as pool:
        added = list(pool.map(add_range, [url] * 4, [range(25)] * 4))
    assert sum(answers.count("NEW") for answers in added) == 25
    assert sum(answers.count("DUPLICATE") for answers in added) == 75
    (job,) = ledger.operator.list()
    assert len(ledger.operator.instances(job)) == 25


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_ever_left_unread(ledger, seed):
    """Whatever order arrivals, claims, crashes and ends come in, the last reading of a series
    covers all its newest objects.
    """
    rng = random.Random(seed)
    newest: dict[int, str] = {}
    now = T0
    for _ in range(40):
        now += rng.randint(1, 30) * SECOND
        if rng.random() < 0.7:
            number, data = rng.randint(1, 6), f"version {rng.randint(1, 3)}"
            if add(ledger, number, data=data, at=now) is not Added.DUPLICATE:
                newest[number] = instance(number, data=data).sha256
        elif job := claim(ledger, at=now, max_attempts=1000):
            _end_somehow(ledger, job, rng, now)
    last_read = None
    while job := claim(ledger, at=(now := now + MAX_WAIT), max_attempts=1000):
        last_read = ledger.operator.instances(job)
        finish(ledger, job, at=now)
    last_read = last_read or ledger.operator.instances(ledger.operator.list()[0])
    assert {row.sha256 for row in last_read} == set(newest.values())
    assert {job.state for job in ledger.operator.list(limit=100)} == {JobState.DONE}


def _end_somehow(ledger, job, rng, now):
    end = rng.choice(["finish", "crash", "release", "try again"])
    if end == "finish":
        finish(ledger, job, at=now)
    elif end == "release":
        ledger.reading.release(job, now=now)
    elif end == "try again":
        ledger.reading.fail(job, now=now, reason="bug", detail="ValueError", retry_at=now + SECOND)
