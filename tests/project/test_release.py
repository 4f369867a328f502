"""`make release`: the CHANGELOG is cut, the commit is tagged, the next release begins."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from release.cut import CHANGELOG, DOCUMENTS, SOURCE, Refused, cut, git, next_minor
from tests.support import REPOSITORY
from tests.support.release import NEXT_RELEASE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files of this project that a release changes, as a repository without a tag."""
    for name in (CHANGELOG, SOURCE, *DOCUMENTS):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, path)
    changelog = tmp_path / CHANGELOG
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace("no release yet", "a release"), encoding="utf-8")
    git("init", "--quiet", tree=tmp_path)
    for setting in ("user.name=A", "user.email=a@example.org", "commit.gpgsign=false"):
        git("config", *setting.split("="), tree=tmp_path)
    git("add", ".", tree=tmp_path)
    git("commit", "--quiet", "--message", "before", tree=tmp_path)
    return tmp_path


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_the_section_of_the_release_has_what_was_unreleased(tree: Path) -> None:
    """Every line of it, under the day; the tag is on that commit, and its tree is the release's."""
    before = (tree / CHANGELOG).read_text(encoding="utf-8")
    days = {f"{date.today():%Y-%m-%d}"}  # noqa: DTZ011  # as people date a release
    said = cut(NEXT_RELEASE, tree)
    days.add(f"{date.today():%Y-%m-%d}")  # noqa: DTZ011
    after = git("show", f"v{NEXT_RELEASE}:{CHANGELOG}", tree=tree)
    headings = {f"## [{NEXT_RELEASE}] - {day}" for day in days}
    (heading,) = headings & set(after.splitlines())
    assert lines(after.replace(heading, "")) == lines(before)
    assert after.index("## [Unreleased]") < after.index(heading) < after.index("### Added")
    assert f'__version__ = "{NEXT_RELEASE}.dev0"' in git(
        "show", f"v{NEXT_RELEASE}:{SOURCE}", tree=tree
    )
    assert f"v{NEXT_RELEASE} is tagged" in said
    assert git("cat-file", "-t", f"v{NEXT_RELEASE}", tree=tree) == "tag"


def test_the_next_release_begins_in_code_and_documents(tree: Path) -> None:
    """What a document shows of the version is what the code prints without .dev0."""
    cut(NEXT_RELEASE, tree)
    following = next_minor(NEXT_RELEASE)
    assert f'__version__ = "{following}.dev0"' in (tree / SOURCE).read_text(encoding="utf-8")
    for name in DOCUMENTS:
        text = (tree / name).read_text(encoding="utf-8")
        assert following in text, name
        assert f"ich-node {NEXT_RELEASE}" not in text, name
    assert git("status", "--porcelain", tree=tree) == ""


def test_another_version_than_the_next_may_be_released(tree: Path) -> None:
    """1.0.0 after 0.1.0: the documents of its commit say so."""
    cut("1.0.0", tree)
    assert "ich-node 1.0.0" in git("show", "v1.0.0:docs/conformance.md", tree=tree)


@pytest.mark.parametrize("version", ["0.2", "v0.2.0", "0.2.0rc1", "0.02.0", "newest", ""])
def test_a_version_has_three_numbers(tree: Path, version: str) -> None:
    """The tag is made of them."""
    with pytest.raises(Refused, match="no version of three numbers"):
        cut(version, tree)


def test_a_release_is_refused_where_it_would_be_wrong(tree: Path) -> None:
    """Changed files, a tag that exists or is later, nothing to release: nothing is changed."""
    (tree / "stray").touch()
    with pytest.raises(Refused, match="stray"):
        cut("9.0.0", tree)
    (tree / "stray").unlink()
    cut("9.0.0", tree)
    head = git("rev-parse", "HEAD", tree=tree)
    for version in ("9.0.0", "8.9.9"):
        with pytest.raises(Refused, match=r"v?9\.0\.0 is released"):
            cut(version, tree)
    with pytest.raises(Refused, match=r"nothing under \[Unreleased\]"):
        cut("9.1.0", tree)
    assert git("rev-parse", "HEAD", tree=tree) == head
