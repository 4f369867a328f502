"""Verdicts of readers: where they land, what replaces what, and the labels they make."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from ich_node.answer import Answer
from ich_node.ledger import SELECTION, TABLE, Job, Ledger, Recorded, Verdict
from tests.support.ledger_examples import QUIET, SECOND, T0, add, claim, finish, results
from tests.support.node import opened_ledger

HOUR = timedelta(hours=1)


def read_job(ledger: Ledger, number: int = 1, *, at=T0, study: str = "") -> Job:
    """A series of one object that was read as present."""
    add(ledger, 1, at=at, series=f"2.25.{number}", study=study)
    job = claim(ledger, at=at + QUIET)
    assert job is not None
    finish(ledger, job, at=at + QUIET)
    return job


def verdict(job: Job, **fields) -> Verdict:
    given = {"bleeding": True, "type": "subdural", "who": "Dr. Lee", "origin": TABLE, "at": T0}
    return Verdict(job_id=job.id, **{**given, **fields})


def test_the_same_table_twice_changes_nothing(ledger: Ledger):
    """A later verdict of the same reader replaces the first, another reader's stands beside it;
    the journal has each change, with who imported it.
    """
    job = read_job(ledger)
    first, later = verdict(job), verdict(job, bleeding=False, type="", at=T0 + HOUR)
    assert (
        ledger.verdicts.record([first, replace(first, who="Dr. Ray")], by="root")
        == [Recorded.NEW] * 2
    )
    assert ledger.verdicts.record([replace(first, at=T0 + SECOND)], by="root") == [Recorded.SAME]
    assert ledger.verdicts.of_job(job.id) == [first, replace(first, who="Dr. Ray")]
    assert ledger.verdicts.record([later], by="root") == [Recorded.REPLACED]
    assert {each.who: each.bleeding for each in ledger.verdicts.of_job(job.id)} == {
        "Dr. Lee": False,
        "Dr. Ray": True,
    }
    assert ledger.verdicts.since(T0 + SECOND) == [later]
    noted = [each.detail for each in ledger.operator.events(job.id) if each.event == "verdict"]
    assert noted[0] == "bleeding, subdural; table, by root"
    assert noted[2] == "no bleeding, instead of bleeding, subdural; table, by root"


def test_each_selection_of_a_reader_stands(ledger: Ledger):
    """A viewer may send one object for each slice; the same object again replaces only itself."""
    job = read_job(ledger)
    first = verdict(job, origin=SELECTION, origin_uid="2.25.81", slices="2.25.1.1", type="")
    second = replace(first, origin_uid="2.25.82", slices="2.25.1.2", at=T0 + HOUR)
    assert ledger.verdicts.record([first, second], by="pacs") == [Recorded.NEW] * 2
    changed = replace(first, slices="2.25.1.1\n2.25.1.3")
    assert ledger.verdicts.record([second, changed], by="pacs") == [
        Recorded.SAME,
        Recorded.REPLACED,
    ]
    assert [each.slice_uids for each in ledger.verdicts.of_job(job.id)] == [
        ("2.25.1.1", "2.25.1.3"),
        ("2.25.1.2",),
    ]
    assert changed.words == "bleeding, 2 slices marked"


def test_labels_are_what_readers_agree_on(ledger: Ledger):
    """The latest of each reader; a quality issue says nothing; by the time of the series."""
    yes, no, disputed, unknown = (
        read_job(ledger, number, at=T0 + number * HOUR) for number in range(1, 5)
    )
    ledger.verdicts.record(
        [
            verdict(yes, bleeding=False, who="Dr. Lee"),
            verdict(yes, origin=SELECTION, origin_uid="2.25.83", at=T0 + HOUR),
            verdict(yes, origin=SELECTION, origin_uid="2.25.84", bleeding=None, at=T0 + 2 * HOUR),
            verdict(no, bleeding=False),
            verdict(disputed, who="Dr. Lee"),
            verdict(disputed, who="Dr. Ray", bleeding=False),
            verdict(unknown, bleeding=None),
        ],
        by="root",
    )
    assert ledger.verdicts.labels() == {yes.id: True, no.id: False}
    assert ledger.verdicts.labels(since=T0 + 2 * HOUR) == {no.id: False}
    assert ledger.verdicts.labels(until=T0 + 2 * HOUR) == {yes.id: True}


def test_a_study_s_verdict_is_about_the_answer_that_stands(ledger: Ledger):
    """Not about the reconstruction whose answer was not told; a verdict about that one counts for
    the job whose answer stands.
    """
    stands = read_job(ledger, 1, study="2.25.9")
    add(ledger, 1, at=T0 + HOUR, series="2.25.2", study="2.25.9")
    other = claim(ledger, at=T0 + 2 * HOUR)
    assert other is not None
    ledger.reading.finish(
        other,
        now=T0 + 2 * HOUR,
        answer=Answer.PRESENT,
        series_probability=0.9,
        bundle_sha256="b" * 64,
        results=results(other, 1),
        destinations=(),
        in_favour_of=stands.id,
    )
    assert [job.id for job in ledger.verdicts.jobs_of_study("2.25.9")] == [stands.id]
    assert [job.id for job in ledger.verdicts.jobs_of_series("2.25.2")] == [other.id]
    ledger.verdicts.record([verdict(other)], by="root")
    assert ledger.verdicts.labels() == {stands.id: True}


def test_a_study_without_an_answer_has_its_newest_jobs(ledger: Ledger):
    """Nothing is lost of a verdict that comes first."""
    add(ledger, 1)
    (job,) = ledger.operator.list()
    assert [found.id for found in ledger.verdicts.jobs_of_study(job.study_instance_uid)] == [job.id]
    assert ledger.verdicts.jobs_of_study("2.25.77") == []


def test_references_find_their_jobs(ledger: Ledger):
    """By a slice, by the series when its objects were removed, and by a result of this node."""
    first, second = read_job(ledger, 1), read_job(ledger, 2)
    made = results(second)[1].sop_instance_uid
    assert ledger.verdicts.referenced({"2.25.1.1": "", made: "2.25.5", "2.25.99": "2.25.98"}) == {
        first.id: ("2.25.1.1",),
        second.id: (),
    }
    assert ledger.verdicts.referenced({"2.25.1.7": "2.25.1"}) == {first.id: ("2.25.1.7",)}
    assert ledger.verdicts.is_result(made)
    assert not ledger.verdicts.is_result("2.25.1.1")


def test_a_selection_that_comes_twice_at_once_is_one_verdict(url):
    """A sender that waits too long for the answer repeats it."""
    with opened_ledger(url) as ledger, ThreadPoolExecutor(4) as threads:
        given = [verdict(read_job(ledger), origin=SELECTION, origin_uid="2.25.81")]
        outcomes = list(threads.map(lambda by: ledger.verdicts.record(given, by=by), "abcd"))
        assert sorted(str(each[0]) for each in outcomes) == [str(Recorded.NEW)] + 3 * [
            str(Recorded.SAME)
        ]
        assert ledger.verdicts.since(None) == given
