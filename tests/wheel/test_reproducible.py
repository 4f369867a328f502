"""Whoever builds the wheel of a commit gets the same bytes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.wheel.building import build, git

pytestmark = pytest.mark.wheel


def test_two_clones_give_the_same_bytes(tmp_path: Path) -> None:
    """At other paths and times, with other rights of new files; one is shallow and has no tags."""
    one, other = tmp_path / "one", tmp_path / "a longer name" / "other"
    git("clone", "--quiet", REPOSITORY, one)
    mask = os.umask(0o077)
    try:
        git("clone", "--quiet", "--depth", 1, "--no-tags", f"file://{REPOSITORY}", other)
        (other / "build" / "lib").mkdir(parents=True)
        (other / "build" / "lib" / "stray.py").write_text("")
        for path in other.rglob("*.py"):
            os.utime(path, (1_000_000_000, 1_000_000_000))
        second = build(other, tmp_path / "second")
    finally:
        os.umask(mask)
    first = build(one, tmp_path / "first")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("tag", "changed", "ends"),
    [("v9.8.7", False, "9.8.7"), ("v9.8.7", True, ".d"), (None, False, "+g")],
    ids=["tagged", "changed after the tag", "no tag"],
)
def test_the_version_is_of_the_tag(
    tmp_path: Path, tag: str | None, changed: bool, ends: str
) -> None:
    """Only of a tree that is exactly the tagged commit."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--depth", 1, "--no-tags", f"file://{REPOSITORY}", clone)
    if tag:
        git("tag", tag, cwd=clone)
    if changed:
        (clone / "README.md").write_text("mine")
    version = _version(clone)
    assert version == ends or ends in version.partition(".dev")[2]


def test_without_git_it_is_that_of_the_source_tree(tmp_path: Path) -> None:
    """An archive of the sources does not say which commit it is of."""
    archive = tmp_path / "archive.tar"
    git("archive", "--output", archive, "HEAD")
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path], check=True)
    assert _version(tmp_path).endswith(".dev0")


def _version(tree: Path) -> str:
    done = subprocess.run(
        [REPOSITORY / ".venv/bin/python", "setup.py", "--quiet", "--version"],
        cwd=tree,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()[-1]
