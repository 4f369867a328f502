"""NOTICE names what the wheel passes on of others."""

import re
import tomllib

from ich_node.model.bundle_file import read_header, shipped_bundle
from tests.support import REPOSITORY

NOTICE = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
STATIC = REPOSITORY / "ich_node" / "web" / "static"


def test_the_model_is_credited_as_its_card_says() -> None:
    """Author, title, versions, identifier, licence, and what was changed."""
    licence = read_header(shipped_bundle()).card["licence"]
    trained = re.search(
        r"images of (.+), PhysioNet, (.+), doi:(\S+), (.+?) .*changed: (.+)", licence
    )
    assert trained
    notice = " ".join(NOTICE.split())
    assert all(part in notice for part in trained.groups())
    assert shipped_bundle().name in notice


def test_each_minified_script_is_named_with_its_version() -> None:
    """We minify nothing: such a file is of another project."""
    named = dict(re.findall(r"^  (\S+\.js) +\S+ (\d[\d.]*),", NOTICE, re.MULTILINE))
    assert set(named) == {path.name for path in STATIC.rglob("*.min.js")}
    htmx = (STATIC / "htmx.min.js").read_text(encoding="utf-8")
    assert f'version:"{named["htmx.min.js"]}"' in htmx


def test_the_wheel_carries_both_files() -> None:
    """setuptools puts them beside the metadata."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license-files"] == ["LICENSE", "NOTICE"]
