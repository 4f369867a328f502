"""What is in the wheel."""

import re
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support import REPOSITORY
from tests.support.release import NEXT_RELEASE
from tests.wheel.building import git

pytestmark = pytest.mark.wheel

# `python -m training.ship` writes into the source tree.
LEFT_OUT = {"training/LOG.md", "training/shipped.toml"}


def tracked() -> set[str]:
    """The files of both packages that git knows; what is a link to a folder gives its files."""
    found: set[str] = set()
    for name in git("ls-files", "ich_node", "training").splitlines():
        path = REPOSITORY / name
        inside = path.rglob("*") if path.is_dir() else [path]
        found |= {str(each.relative_to(REPOSITORY)) for each in inside if each.is_file()}
    return found


def test_every_file_is_in_it_and_no_other(wheel: Path) -> None:
    """Bundle, migrations, words, pages, units, alerts, pinned set; nothing of an earlier build."""
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == tracked() - LEFT_OUT
        for name in ("config.toml", "constraints.txt", "systemd/ich-node-receive.service"):
            assert archive.read(f"ich_node/shipped/{name}") == (REPOSITORY / name).read_bytes()


def test_its_name_says_which_commit_it_is_of(wheel: Path) -> None:
    """The release of the tag; or the next one, the day and the commit. The code says the same."""
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        version = message_from_bytes(archive.read(metadata))["Version"]
        source = archive.read("ich_node/__init__.py").decode()
    assert f'\n__version__ = "{version}"\n' in source
    assert wheel.name == f"ich_node-{version}-py3-none-any.whl"
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        day = git("log", "-1", "--format=%cs").replace("-", "")
        commit = git("rev-parse", "HEAD")
        found = re.fullmatch(r"(.+)\.dev(\d{8})\+g([0-9a-f]{7,})(\.d\d{8})?", version)
        assert found, version
        assert found[1] == NEXT_RELEASE
        assert found[2] == day
        assert commit.startswith(found[3])


def test_licence_and_credits_are_beside_the_metadata(wheel: Path) -> None:
    """Apache-2.0 wants both passed on."""
    with ZipFile(wheel) as archive:
        for name in ("LICENSE", "NOTICE"):
            (inside,) = (each for each in archive.namelist() if each.endswith(f"licenses/{name}"))
            assert archive.read(inside) == (REPOSITORY / name).read_bytes()
