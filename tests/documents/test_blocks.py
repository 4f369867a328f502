"""Every command block of the documents is run, or says why not; every TOML block is read."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from ich_node.config.config import Config
from tests.documents.blocks import Block, Unclear, blocks, command_blocks, documents
from tests.documents.command_names import misunderstood
from tests.documents.count import RULE, problems, summary

MARK = "```"


def written(folder: Path, *lines: str) -> list[Block]:
    path = folder / "page.md"
    path.write_text("\n".join(lines) + "\n")
    return blocks(path)


def test_every_command_block_is_run_or_says_why_not() -> None:
    """How many there are of each is printed: `pytest -rP`, `make check`."""
    every = command_blocks()
    sys.stdout.write("\n".join(summary(every)) + "\n")
    assert problems(every) == [], RULE


def test_commands_that_are_not_run_exist() -> None:
    """Each command and each option of `ich-node`, in a block and within a sentence."""
    for block in command_blocks():
        if block.language != "console":
            assert misunderstood("\n".join(block.lines)) == [], block.place
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for words in re.findall(r"(?<!`)`(ich-node [^`]+)`(?!`)", text):
            assert misunderstood(words.replace("\\|", "|")) == [], f"{path}: {words}"


def test_a_wrong_command_is_found() -> None:
    """A command and an option that do not exist, behind --config and in a script."""
    assert misunderstood(".venv/bin/ich-node --config my.toml jobs lst  # x") == ["jobs has no lst"]
    assert misunderstood("for x in 1; do\n  ich-node jobs list --sicne 2h\ndone") == [
        "list has no --sicne"
    ]
    assert misunderstood("ich-node --config my.toml \\\n  jobs list --since 2h # --none") == []


def test_every_toml_block_is_read() -> None:
    """A reader copies it into a file that has the certificates: each section and name exists, each
    value is one of its kind.
    """
    tls = dict.fromkeys(("certificate", "key", "ca"), "/etc/ich-node/tls.pem")
    seen = 0
    for path in documents():
        for block in blocks(path):
            if block.language == "toml":
                seen += 1
                Config.model_validate({"tls": tls, **tomllib.loads("\n".join(block.lines))})
    assert seen > 5


def test_what_a_comment_says(tmp_path: Path) -> None:
    """A comment is for the block below it; a state goes on to the next one."""
    found = written(
        tmp_path,
        *(MARK, "make a", MARK),
        *("<!-- state: x; extended -->", "", MARK + "console", "$ b", MARK, "Text."),
        *("<!-- not run: needs root: it writes to /opt -->", MARK, "sudo c", MARK),
        *("<!-- goes on -->", MARK + "sh", "d", MARK, MARK + "text", "e", MARK),
        *("<!-- run by: tests/x.py::test_x -->", "Text.", "", MARK, "f", MARK),
    )
    assert [(each.is_run, each.state, each.is_extended) for each in found] == [
        (False, "", False),
        (True, "x", True),
        (False, "x", True),
        *[(True, "x", True)] * 3,
    ]
    assert found[2].reason == "needs root"
    assert [each.goes_on for each in found] == [False, False, False, True, False, False]
    assert [each.is_of_commands for each in found] == [True, True, True, True, False, True]
    with pytest.raises(Unclear, match="a state is `NAME`"):
        written(tmp_path, "<!-- state: a day -->")


def test_what_is_not_said_is_a_problem(tmp_path: Path) -> None:
    """No comment, no reason, a test that does not exist, a line that .ci/run does not have."""
    found = written(
        tmp_path,
        *(MARK, "a", MARK, "<!-- not run: no time -->", MARK, "b", MARK),
        *("<!-- run by: tests/documents/test_blocks.py::test_gone -->", MARK, "c", MARK),
        *("<!-- run by: .ci/run -->", MARK, "make demo", "make soak", MARK),
        *("<!-- run by: .ci/run -->", MARK, "make demo  # both", MARK),
        *("<!-- run by: tests/training/test_show.py::test_show_refuses_what_is_no_pool -->",),
        *(MARK, "ich-node train show X --out Y", MARK),
        *("<!-- run by: tests/training/test_show.py::test_show_refuses_what_is_no_pool -->",),
        *(MARK, "ich-node train show X --out Y; ich-node jobs list", MARK),
    )
    said = problems(found)
    assert len(said) == 5
    assert "no comment says" in said[0]
    assert "'no time' is no reason" in said[1]
    assert re.search("test_gone does not run it", said[2])
    assert ".ci/run does not run it" in said[3]
    assert said[4].startswith(found[-1].place)
