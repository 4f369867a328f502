"""A command takes what an operator has at hand: a number, a UID or its end, an accession number."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ich_node.cli.context import CliContext
from ich_node.cli.job_choice import job_ids, jobs_of
from ich_node.errors import ConfigError
from ich_node.ledger import Ledger, SearchKey, SearchTerms
from tests.support.ledger_examples import MAX_WAIT, QUIET, T0, add, instance
from tests.support.node import opened_ledger

SERIES = "1.2.826.0.1.3680043.10.1624.{}.{}"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    path = folder / "config.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{folder}/ledger.sqlite"\n'
        f'search_key = "{folder}/search.key"\n'
    )
    return path


@pytest.fixture(scope="module")
def ledger(config: Path) -> Iterator[Ledger]:
    """Jobs 1 and 2 have the accession number 4711, job 3 has 2, jobs 4 and 5 are revisions of a
    series, and job 6 was received before there were search terms.
    """
    with opened_ledger(f"sqlite:///{config.parent}/ledger.sqlite") as ledger:
        key = ledger.search_keys.for_receiving(config.parent / "search.key", now=T0)
        receive(ledger, key, SERIES.format("77", "100001"), "4711")
        receive(ledger, key, SERIES.format("77", "100002"), "4711")
        receive(ledger, key, SERIES.format("78", "200001"), "2")
        for number in (1, 2):
            receive(ledger, key, SERIES.format("79", "300001"), "ACC 9", number=number)
            if number == 1:
                ledger.operator.cancel(4, now=T0)
        add(ledger, series="2.25.1", at=T0 - QUIET)
        yield ledger


def receive(ledger: Ledger, key: SearchKey, series: str, accession: str, number: int = 1) -> None:
    term = key.accession(accession)
    ledger.receiving.add(
        instance(number, series=series),
        ready_at=T0 + QUIET,
        max_wait=MAX_WAIT,
        terms=lambda: SearchTerms(accession_hmac=term),
    )


@pytest.fixture
def context(config: Path, ledger: Ledger) -> Any:
    """Of a command on this node."""
    return SimpleNamespace(obj=CliContext(path=config, main=lambda _: None))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("3", 3),
        ("job=2", 2),
        (SERIES.format("77", "100002"), 2),
        ("…7.100002", 2),
        ("7.100002", 2),
        ("...24.77.100001", 1),
        ("uid=77.100001", 1),
        (SERIES.format("79", "300001"), 5),
        (SERIES.format("79", "300001") + ".9", 5),
        ("acc 9 ", 5),
        ("accession=2", 3),
        ("2.25.1", 6),
    ],
)
def test_one_job_is_meant(context: Any, word: str, expected: int) -> None:
    """Of a series that came in several revisions the newest."""
    assert job_ids(context, [word]) == [expected]


def test_each_job_is_named_once(context: Any) -> None:
    """In the order of the words."""
    assert job_ids(context, ["3", "1", "accession=2"]) == [3, 1]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("2", "2 is the number of a job, and the accession number of job 3; write job=2 or"),
        ("4711", "'4711' names 2 jobs; give the number of one: 2 (waiting), 1 (waiting)"),
        ("7", "there is no job '7': it is no number (up to 6), accession number or UID"),
        ("0001.1", "of a UID give the last 8 characters or more"),
        ("ACC 8", "before this version was installed cannot be found by their accession number"),
        ("99999999999999999999", "there is no job"),
        ("", "there is no job ''"),
    ],
)
def test_a_word_that_names_no_job_or_several(context: Any, word: str, sentence: str) -> None:
    """Nothing is done to a job that was perhaps not meant."""
    with pytest.raises(ConfigError, match=r".") as caught:
        job_ids(context, [word])
    assert sentence in caught.value.detail


def test_an_empty_ledger_says_so(tmp_path: Path) -> None:
    """There is nothing to choose from."""
    with (
        opened_ledger(f"sqlite:///{tmp_path}/empty.sqlite") as ledger,
        pytest.raises(ConfigError, match="nothing was received yet"),
    ):
        jobs_of(ledger, None, "1")
