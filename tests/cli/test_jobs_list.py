"""`jobs list` and `jobs show` as an administrator reads them, on a node with nine series."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ich_node.ledger.tables import pauses
from tests.documents.states import a_busy_day
from tests.support.command_line import Ran, ich_node
from tests.support.node import opened_ledger


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with a_busy_day.state(tmp_path_factory.mktemp("node")) as path:
        yield path


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def listed(config: Path, *options: str) -> Ran:
    done = ich_node("jobs", "list", *options, config=config)
    assert done.exit_code == 0, done.stderr
    return done


def numbers(config: Path, *options: str) -> list[int]:
    jobs: list[dict[str, Any]] = json.loads(listed(config, "--json", *options).stdout)["jobs"]
    return [job["id"] for job in jobs]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (("--accession", "acc-1003"), [4, 3]),
        (("--patient", " P-82"), [7, 2]),
        (("--study", "1.2.826.0.1.3680043.10.1624.20.1004"), [5]),
        (("--since", "2h"), [9, 8, 7, 6]),
        (("--since", "4.5h", "--until", "2H"), [5, 4, 3]),
        (("--source", "CT-Ward"), [8, 6, 5, 1]),
        (("--state", "Held, FAILED"), [8, 6]),
        (("--state", "ready"), [9]),  # so the list calls a series that waits and is complete
        (("--positive",), [7, 2]),
        (("--negative", "--undetermined"), [5, 4, 1]),
        (("--refused",), [3]),
        (("--owed",), [7]),
        (("--positive", "--patient", "p-82", "--since", "2h", "--owed", "--state", "done"), [7]),
        (("--limit", "2"), [9, 8]),
    ],
)
def test_each_filter_and_all_together(
    config: Path, options: tuple[str, ...], expected: list[int]
) -> None:
    """The newest first; upper and lower case are the same."""
    assert numbers(config, *options) == expected


@pytest.mark.parametrize("columns", ["64", "80", "140"])
def test_no_line_folds(config: Path, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut is neither the number nor the end of the UID, which `jobs show` takes."""
    monkeypatch.setenv("COLUMNS", columns)
    heading, *lines, last = listed(config).stdout.splitlines()
    assert heading.split() == ["job", "received", "source", "state", "answer", "owed", "series"]
    assert len(lines) == 9
    assert all(len(line) <= int(columns) for line in (heading, *lines))
    for line in lines:
        number, end = line.split()[0], line.split()[-1]
        shown = ich_node("jobs", "show", end, config=config)
        assert shown.stdout.startswith(f"job {number}, "), shown
    assert last.startswith("9 jobs, none left out. Times: ")


def test_a_pipe_gets_whole_words(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long they are."""
    monkeypatch.delenv("COLUMNS")
    line = listed(config, "--owed").stdout.splitlines()[1]
    assert line.split()[3:] == ["ct-er", "done", "present", "2", "→", "pacs", "…06.70007"]


def test_the_last_line_says_what_is_left_out(config: Path) -> None:
    """And how to see it."""
    last = listed(config, "--limit", "2").stdout.splitlines()[-1]
    assert last.startswith("2 of 9 jobs; older ones: --limit 9. Times: ")


def test_pauses_are_shown(config: Path) -> None:
    """Whoever asks why nothing happens sees it here."""
    now = datetime.now(UTC)
    with (
        opened_ledger(f"sqlite:///{config.parent}/ledger.sqlite") as ledger,
        ledger.database.write() as connection,
    ):
        row = {"target": "to pacs", "since": now, "until": None, "who": "eva", "why": "update"}
        connection.execute(sa.insert(pauses).values(row))
    try:
        last = listed(config).stdout.splitlines()[-1]
    finally:
        with (
            opened_ledger(f"sqlite:///{config.parent}/ledger.sqlite") as ledger,
            ledger.database.write() as connection,
        ):
            connection.execute(sa.delete(pauses))
    assert last.startswith("paused: sending to pacs, since ")
    assert last.endswith(" by eva: update")


def test_nothing_found_is_explained(config: Path) -> None:
    """What was looked for, and what the reason may be."""
    nothing = listed(config, "--accession", "ACC-9", "--source", "ct-er", "--owed").stdout
    assert nothing.startswith("No job fits: accession number ACC-9, source ct-er, results still")
    assert "Perhaps the series did not arrive" in nothing
    assert "before this version" not in nothing
    assert listed(config, "--state", "cancelled").stdout.startswith("No job fits: state cancelled")


def test_csv_is_quoted(config: Path) -> None:
    """With a heading; every value in its column, whatever is in it."""
    rows = list(csv.DictReader(listed(config, "--csv").stdout.splitlines()))
    assert [row["id"] for row in rows] == [str(number) for number in range(9, 0, -1)]
    assert rows[4]["detail"] == "a hole (from 20.0 to 60.0 mm; Instance Numbers 4, 12)"
    assert (rows[2]["owed"], rows[2]["owed_to"]) == ("2", "pacs")
    assert "hmac" not in "".join(rows[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--state", "don"),
            "--state 'don' is not a state: did you mean done? There are\nwaiting,",
        ),
        (("--source", "ct-wart"), "--source 'ct-wart' is unknown: did you mean 'ct-ward'?"),
        (("--since", "2 hours"), "--since '2 hours' is not a time: did you mean 2h?"),
        (("--since", "1h", "--until", "2h"), "--until 2h is not after --since 1h"),
        (("--accession", " "), "the accession number is empty"),
        (("--json", "--csv"), "--json and --csv exclude each other"),
    ],
)
def test_wrong_values_get_a_sentence(config: Path, options: tuple[str, ...], sentence: str) -> None:
    """With what was probably meant."""
    done = ich_node("jobs", "list", *options, config=config)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_an_accession_number_with_several_series_lists_them(config: Path) -> None:
    """One of them is then chosen by its number."""
    shown = ich_node("jobs", "show", "ACC-1003", config=config).stdout.splitlines()
    assert [line.split()[0] for line in shown[1:3]] == ["4", "3"]
    assert shown[-1] == "'ACC-1003' names 2 jobs; give the number of one to `ich-node jobs show`."
    as_json = ich_node("jobs", "show", "ACC-1003", "--json", config=config)
    assert (as_json.exit_code, as_json.stdout) == (2, "")


def test_a_job_is_shown_with_its_series(config: Path) -> None:
    """By its accession number, and without what the ledger keeps of that."""
    shown = ich_node("jobs", "show", "ACC-1006", config=config).stdout
    assert "CT, HEAD 5.0 H31s" in shown
    document = json.loads(ich_node("jobs", "show", "7", "--json", config=config).stdout)
    assert document["job"]["series_description"] == "HEAD 5.0 H31s"
    assert not any("hmac" in name for name in document["job"])


def test_jobs_from_before_the_update(tmp_path: Path) -> None:
    """They cannot be found by an accession number, and the list says so."""
    with a_busy_day.state(tmp_path) as config:
        with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
            ledger.search_keys.forget()
        (tmp_path / "search.key").unlink()
        nothing = listed(config, "--accession", "ACC-1003").stdout
        assert "received before this version was installed have no search" in nothing
        assert not (tmp_path / "search.key").exists()


def test_a_lost_key_is_given_up_by_a_command(tmp_path: Path) -> None:
    """It asks first."""
    with a_busy_day.state(tmp_path) as config:
        (tmp_path / "search.key").unlink()
        refused = ich_node("jobs", "list", "--accession", "ACC-1003", config=config)
        assert refused.exit_code == 2
        assert "`ich-node jobs forget-search-terms`" in refused.stderr
        assert numbers(config, "--positive") == [7, 2]
        for _ in range(2):
            assert ich_node("jobs", "forget-search-terms", "--yes", config=config).exit_code == 0
        assert "No job fits" in listed(config, "--accession", "ACC-1003").stdout
