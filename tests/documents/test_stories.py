"""The commands of the documents run, and print what is shown."""

from pathlib import Path

import pytest

from tests.documents.blocks import blocks, documents
from tests.documents.compare import agrees, alike
from tests.documents.running import node_of
from tests.documents.stories import Story, commands, stories
from tests.support import REPOSITORY

LONG = [pytest.mark.extended, pytest.mark.timeout(1200)]
STORIES = [
    pytest.param(
        story,
        id=f"{path.relative_to(REPOSITORY)}-{story.state}",
        marks=LONG if story.is_extended else [],
    )
    for path in documents()
    for story in stories(blocks(path))
]
WIDEST = 80


@pytest.mark.parametrize("story", STORIES)
def test_the_document_shows_what_is_printed(story: Story, tmp_path: Path) -> None:
    """Each command of a story in its order; what people read fits into 80 columns."""
    with node_of(story, tmp_path) as node:
        for step in story.steps:
            is_shown, printed = node.shows(step)
            assert is_shown, f"{story.place} ff.: $ {step.command}\n" + "\n".join(printed)
            if step.printed and not {"--json", "--csv"} & set(step.command.split()):
                assert [line for line in step.printed if len(line) > WIDEST] == []


def test_what_differs_from_run_to_run_is_left_out() -> None:
    """Times, UIDs, hashes and users; everything else counts."""
    assert alike("2026-01-02 03:04:05Z  delivered 2.25.77 by root") == alike(
        "2027-11-12 13:14:15Z  delivered 2.25.8 by somebody"
    )
    assert alike("job 1 is done") != alike("job 2 is done")
    assert agrees(["a", "...", "d"], ["a", "b", "c", "d"])
    assert not agrees(["a", "..."], ["b"])
    assert not agrees(["a"], ["a", "b"])


def test_a_story_is_found(tmp_path: Path) -> None:
    """The commands of its blocks, their lines, and the node that they look at; the same state twice
    is two nodes.
    """
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- state: x -->\n```console\n$ a b\nc\nd\n$ e\n```\n```\nf  # g\nh \\\n  i\n```\n"
        "<!-- not run: takes long -->\n```\nj\n```\n"
        "<!-- state: x -->\n```\nfor k in l; do\nm\n```\n"
    )
    first, second = stories(blocks(page))
    assert (first.state, second.state) == ("x", "x")
    assert [(step.command, step.printed) for step in first.steps] == [
        ("a b", ["c", "d"]),
        ("e", []),
        ("f", None),
        ("h    i", None),
    ]
    assert commands(blocks(page)[-1]) == ["for k in l; do\nm"]


def test_a_command_that_changes_the_machine_is_not_run(tmp_path: Path) -> None:
    """Even if a document has it in a state."""
    page = tmp_path / "page.md"
    page.write_text("<!-- state: empty -->\n```\ntrue && sudo true\n```\n")
    (story,) = stories(blocks(page))
    with node_of(story, tmp_path) as node, pytest.raises(AssertionError, match="does not run sudo"):
        node.run(story.steps[0])
