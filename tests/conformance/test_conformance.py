"""The conformance statement is what the code does."""

import re
from pathlib import Path

import pytest

from ich_node.conformance import statement
from ich_node.conformance.example import example
from ich_node.receive.status import Status
from ich_node.report import RESULT_SOP_CLASSES
from tests.support import REPOSITORY
from tests.support.release import as_documented

DOCS = REPOSITORY / "docs"
REWRITE = "write it again: ich-node conformance | sed s/.dev0// > docs/conformance.md"


@pytest.fixture(scope="module")
def said() -> str:
    return statement()


def test_the_statement_in_the_documents_is_that_of_the_code(said: str) -> None:
    """Nothing in it is written by hand, so nothing in it can be forgotten."""
    assert (DOCS / "conformance.md").read_text(encoding="utf-8") == as_documented(said), REWRITE


def test_the_statement_names_no_machine(said: str) -> None:
    """The same on every host: no path, no time of now, no version of a library."""
    assert said == statement()
    assert str(Path.home()) not in said
    assert not re.search(r"20[2-9]\d-\d\d-\d\d", said)


def test_every_result_is_of_a_class_that_the_statement_names(said: str) -> None:
    """The classes that it proposes are those of the objects that there are."""
    made = {result.sop_class_uid for result in example(3).results}
    assert made <= set(RESULT_SOP_CLASSES)
    assert all(f"`{sop_class}`" in said for sop_class in RESULT_SOP_CLASSES)


def test_every_status_has_its_row_in_both_documents(said: str) -> None:
    """docs/c-store-status.md, with a test for each, knows the same statuses as the code and the
    statement.
    """
    expected = {f"0x{status:04X}" for status in Status}
    table = (
        (DOCS / "c-store-status.md")
        .read_text(encoding="utf-8")
        .split("## Answers without a status")[0]
    )
    assert set(re.findall(r"^\| (0x[0-9A-F]{4}) \|", table, re.MULTILINE)) == expected
    assert set(re.findall(r"^\| (0x[0-9A-F]{4}) \|", said, re.MULTILINE)) == expected


def test_the_ihe_statement_names_tests_that_exist() -> None:
    """docs/ihe-air.md claims nothing without the test that tried it."""
    text = (DOCS / "ihe-air.md").read_text(encoding="utf-8")
    tests = {
        name
        for path in DOCS.parent.glob("tests/**/test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    claims = [line for line in text.splitlines() if line.startswith("| ") and "| tried |" in line]
    assert claims
    assert all(set(re.findall(r"`(test_\w+)`", claim)) for claim in claims)
    assert set(re.findall(r"`(test_\w+)`", text)) <= tests
