"""Cuts a release: `python -m release.cut VERSION`.

What stands under [Unreleased] of CHANGELOG.md becomes the section of the release, with the day;
that is committed and tagged. A second commit begins the work on the next release. Nothing is
pushed.
"""

import re
import subprocess
import sys
from pathlib import Path

import keepachangelog
from packaging.version import Version

CHANGELOG = "CHANGELOG.md"
SOURCE = "ich_node/__init__.py"
# They name the release that they are of.
DOCUMENTS = ("docs/conformance.md", "docs/ihe-air.md", "docs/operations.md", "docs/outlets.md")


class Refused(Exception):
    """A release cannot be cut; nothing was changed."""


def cut(version: str, tree: Path) -> str:
    """Two commits and a tag; returns what to do next. Raises Refused."""
    refuse_unless_ready(version, tree)
    set_version(version, tree)
    keepachangelog.release(str(tree / CHANGELOG), new_version=version)
    git("commit", "--quiet", "--all", "--message", f"Release {version}", tree=tree)
    git("tag", "--annotate", f"v{version}", "--message", f"ich-node {version}", tree=tree)
    following = next_minor(version)
    set_version(following, tree)
    git("commit", "--quiet", "--all", "--message", f"Work on {following} begins", tree=tree)
    return (
        f"v{version} is tagged, and this tree is {following}.dev0. Next: docs/releasing.md, from "
        f'"Build it" on.\nNot what you wanted? git tag -d v{version} && git reset --hard HEAD~2\n'
    )


def refuse_unless_ready(version: str, tree: Path) -> None:
    """Raises Refused with what to do."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise Refused(f"{version!r} is no version of three numbers, e.g. 0.2.0")
    if changed := git("status", "--porcelain", tree=tree):
        raise Refused(f"commit or remove these first:\n{changed}")
    tags = git("tag", "--list", "v*", tree=tree).split()
    released = [Version(tag) for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    if released and Version(version) <= max(released):
        raise Refused(f"v{max(released)} is released; the next one must be later than that")
    text = (tree / CHANGELOG).read_text(encoding="utf-8")
    if "no release yet" in text:
        raise Refused(f"{CHANGELOG} says that there is no release yet: take that sentence away")
    news = keepachangelog.to_dict(str(tree / CHANGELOG), show_unreleased=True)
    if not any(isinstance(part, list) for part in news.get("unreleased", {}).values()):
        raise Refused(f"{CHANGELOG} has nothing under [Unreleased]")


def set_version(version: str, tree: Path) -> None:
    """The release that the source tree is before, there and in the documents."""
    source = (tree / SOURCE).read_text(encoding="utf-8")
    before = re.search(r'^__version__ = "(.+)\.dev0"$', source, re.MULTILINE)
    if before is None:
        raise Refused(f"{SOURCE} has no version of a source tree")
    old = before[1]
    _replace(tree / SOURCE, f'"{old}.dev0"', f'"{version}.dev0"')
    for name in DOCUMENTS:
        _replace(tree / name, f"ich-node {old}", f"ich-node {version}")
        _replace(tree / name, f'"software_version":"{old}"', f'"software_version":"{version}"')


def next_minor(version: str) -> str:
    """0.3.0 after 0.2.1."""
    release = Version(version)
    return f"{release.major}.{release.minor + 1}.0"


def git(*arguments: str, tree: Path) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new), encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.stdout.write(cut(sys.argv[1], Path.cwd()))
    except Refused as refused:
        sys.exit(f"no release: {refused}")
