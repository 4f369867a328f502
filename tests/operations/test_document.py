"""docs/operations.md shows what the commands really print."""

import os

import pytest

from tests.operations.document import DOCUMENT, Story, agrees, alike, node_of, run, stories

STORIES = stories(DOCUMENT.read_text(encoding="utf-8"))
WIDEST = 80


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.state)
def test_the_document_shows_what_is_printed(story: Story, tmp_path):
    """Each command of a story in its order; what people read fits into 80 columns."""
    with node_of(story, tmp_path):
        for step in story.steps:
            printed = run(step, tmp_path)
            assert agrees(step.printed, printed), f"$ {step.command}\n" + "\n".join(printed)
            if not {"--json", "--csv"} & set(step.command.split()):
                assert [line for line in step.printed if len(line) > WIDEST] == []


def test_what_differs_from_run_to_run_is_left_out():
    """Times, UIDs, hashes and users; everything else counts."""
    assert alike("2026-01-02 03:04:05Z  delivered 2.25.77 by root") == alike(
        "2027-11-12 13:14:15Z  delivered 2.25.8 by somebody"
    )
    assert alike("job 1 is done") != alike("job 2 is done")
    assert agrees(["a", "...", "d"], ["a", "b", "c", "d"])
    assert not agrees(["a", "..."], ["b"])
    assert not agrees(["a"], ["a", "b"])


def test_a_story_is_found():
    """The commands of a block, their lines, and the node that they look at."""
    text = os.linesep.join(["<!-- state: x -->", "```console", "$ a b", "c", "d", "$ e", "```"])
    (story,) = stories(text)
    assert story.state == "x"
    assert [(step.command, step.printed) for step in story.steps] == [
        ("a b", ["c", "d"]),
        ("e", []),
    ]
