"""ich-node verdicts: what an administrator types and reads."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ich_node.answer import Answer
from ich_node.ledger import Job
from tests.support.command_line import Ran, ich_node
from tests.support.heads import head_series
from tests.support.read_series import ReadNode, read_node

PATIENT = {"PatientName": "Quisling^Zaphod", "PatientID": "PID-7351942", "AccessionNumber": "A-77"}
DESCRIPTION = {"SeriesDescription": "Head"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[ReadNode]:
    with read_node(tmp_path) as node:
        yield node


def received(node: ReadNode, number: int, *, study: int = 0, accession: str = "A-77") -> Job:
    """A head that was read."""
    study_uid, series_uid = f"2.25.{study or number}000", f"2.25.{number}000.1"
    slices = head_series(
        StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid, **PATIENT, **DESCRIPTION
    )
    for each in slices:
        each.AccessionNumber = accession
    for index, each in enumerate(slices):
        each.SOPInstanceUID = f"{series_uid}.{index + 1}"
    return node.read(slices, answer=Answer.PRESENT)


def imported(node: ReadNode, *lines: str) -> Ran:
    path = node.folder / "table.csv"
    headings = "series_uid,study_uid,accession,bleeding,type,who,slices,comment"
    path.write_text("\n".join([headings, *lines]) + "\n", encoding="utf-8")
    return ich_node("verdicts", "import", path, config=node.config)


def test_a_table_is_imported_once(node: ReadNode) -> None:
    """Good lines count although others are wrong or about nothing; the same table again changes
    nothing; a later verdict of the reader replaces, another reader's stands beside.
    """
    job = received(node, 1)
    lines = [
        f",{job.study_instance_uid},,yes,SDH,Dr. Lee,2.25.1000.1.3,",
        ",2.25.77,,no,,Dr. Lee,,",
        f"{job.series_instance_uid},,,perhaps,,Dr. Ray,,",
        f"{job.series_instance_uid},,,no,,Dr. Ray,,",
    ]
    ran = imported(node, *lines)
    assert ran.exit_code == 1
    assert ran.stdout.splitlines() == [
        "2 verdicts: 2 new",
        "a verdict about a study is noted for the series whose answer stands",
        "1 line about no series that was received: 3",
    ]
    assert ran.stderr.splitlines() == [
        "line 4: bleeding is yes, no or unknown",
        "1 line not noted; mend the table and import it again",
    ]
    before = node.ledger.verdicts.of_job(job.id)
    assert imported(node, *lines).stdout.startswith("2 verdicts: 2 known before\n")
    assert node.ledger.verdicts.of_job(job.id) == before
    ran = imported(node, f"{job.series_instance_uid},,,yes,EDH,Dr. Ray,,")
    assert (ran.exit_code, ran.stdout) == (0, "1 verdict: 1 replaces an earlier one\n")
    assert {
        each.who: (each.bleeding, each.type) for each in node.ledger.verdicts.of_job(job.id)
    } == {
        "Dr. Lee": (True, "subdural"),
        "Dr. Ray": (True, "epidural"),
    }


def test_lines_of_one_reader_are_one_verdict(node: ReadNode) -> None:
    """A table may have a line for each slice; lines that contradict each other are both left."""
    job = received(node, 1)
    uid = job.series_instance_uid
    ran = imported(
        node,
        f"{uid},,,yes,SDH,Dr. Lee,{uid}.3,",
        f"{uid},,,yes,SAH,Dr. Lee,{uid}.4 {uid}.3,",
        f"{uid},,,yes,,Dr. Ray,,",
        f"{uid},,,no,,Dr. Ray,,",
    )
    assert ran.exit_code == 1
    assert ran.stderr.splitlines()[:2] == [
        "line 4: line 5 says otherwise about the same series and reader",
        "line 5: line 4 says otherwise about the same series and reader",
    ]
    (verdict,) = node.ledger.verdicts.of_job(job.id)
    assert verdict.type == "subdural, subarachnoid"
    assert verdict.slice_uids == (f"{uid}.3", f"{uid}.4")


def test_a_study_of_two_acquisitions_has_the_verdict_twice(node: ReadNode) -> None:
    """It says so, with the jobs."""
    first, second = received(node, 1, study=9), received(node, 2, study=9)
    ran = imported(node, ",2.25.9000,,no,,Dr. Lee,,")
    assert ran.stdout.splitlines()[:2] == [
        "2 verdicts: 2 new",
        f"line 2: 2 series of the study stand, jobs {first.id}, {second.id}",
    ]
    assert node.ledger.verdicts.labels() == {first.id: False, second.id: False}


def test_studies_are_found_by_their_accession_number(node: ReadNode) -> None:
    """The ledger has only its keyed hash; an accession number of two studies says too little."""
    first = received(node, 1, accession="ACC-1001")
    received(node, 2, accession="SHARED-7")
    received(node, 3, accession="SHARED-7")
    ran = imported(
        node, ",,acc-1001,yes,,Dr. Lee,,", ",,ACC-1002,no,,Dr. Lee,,", ",,SHARED-7,no,,Dr. Lee,,"
    )
    assert ran.stdout.splitlines() == [
        "1 verdict: 1 new",
        "a verdict about a study is noted for the series whose answer stands",
        "1 line about no series that was received: 3",
    ]
    assert ran.stderr.splitlines()[0] == (
        "line 4: its accession is that of several studies; give the study_uid"
    )
    assert node.ledger.verdicts.labels() == {first.id: True}
    said = ran.stdout + ran.stderr
    said += "\n".join(sqlite3.connect(node.folder / "ledger.sqlite").iterdump())
    assert [number for number in ("1001", "1002", "SHARED") if f"C-{number}" in said] == []
    assert "SHARED" not in said


def test_a_comment_may_not_name_the_patient(node: ReadNode) -> None:
    """The ledger names no patient; what was said of the series otherwise is not repeated."""
    job = received(node, 1)
    uid = job.series_instance_uid
    ran = imported(
        node,
        f"{uid},,,yes,,Dr. Lee,,left side of the head",
        f"{uid},,,yes,,Dr. Ray,,Mr. QUISLING again",
        f"{uid},,,yes,,Dr. Roe,,see PID 7351942",
    )
    assert ran.stderr.splitlines()[:2] == [
        f"line {line}: its comment names the patient; the ledger names no patients"
        for line in (3, 4)
    ]
    assert [each.who for each in node.ledger.verdicts.of_job(job.id)] == ["Dr. Lee"]
    ledger = "\n".join(sqlite3.connect(node.folder / "ledger.sqlite").iterdump()).casefold()
    said = ran.stdout + ran.stderr + ledger
    assert [word for word in ("quisling", "7351942", "a-77", "zaphod") if word in said] == []


def test_verdicts_are_shown(node: ReadNode) -> None:
    """By `verdicts list` and `jobs show`, for people and programs."""
    job = received(node, 1)
    uid = job.series_instance_uid
    imported(node, f"{uid},,,yes,SDH,Dr. Lee,{uid}.3,seen at once", f"{uid},,,no,,Dr. Ray,,")
    ran = ich_node("verdicts", "list", config=node.config)
    first, second, count = ran.stdout.splitlines()
    assert first.startswith("job 1: bleeding, subdural, 1 slice marked; Dr. Lee, ")
    assert first.endswith(" (seen at once)")
    assert second.startswith("job 1: no bleeding; Dr. Ray, ")
    assert count == "2 verdicts"
    shown = ich_node("jobs", "show", job.id, config=node.config).stdout
    assert f"verdict: {first.removeprefix('job 1: ')}" in shown.splitlines()
    ran = ich_node("verdicts", "list", "--json", "--since", "1d", config=node.config)
    (lee, _) = json.loads(ran.stdout)["verdicts"]
    assert (lee["bleeding"], lee["slices"], lee["origin"]) == (True, [f"{uid}.3"], "table")
    ran = ich_node("verdicts", "list", "--since", "2030-01-01", config=node.config)
    assert ran.stdout == "0 verdicts\n"


def test_wrong_verdicts_are_removed(node: ReadNode) -> None:
    """Of one reader or of all; the journal has no name. Where there are none it fails."""
    job = received(node, 1)
    uid = job.series_instance_uid
    imported(node, f"{uid},,,yes,,Doe^Jane,,", f"{uid},,,no,,Dr. Ray,,")
    remove = ("verdicts", "remove", job.id)
    ran = ich_node(*remove, "--who", "Doe^Jane", config=node.config)
    assert ran.stdout == "job 1: 1 verdict removed\n"
    assert "Doe" not in ich_node("jobs", "show", job.id, config=node.config).stdout
    assert "1 verdict" in ich_node("verdicts", "list", config=node.config).stdout
    assert ich_node(*remove, config=node.config).exit_code == 0
    ran = ich_node(*remove, config=node.config)
    assert (ran.exit_code, ran.stdout) == (1, "job 1: 0 verdicts removed\n")
