"""No library of production is under the GPL."""

from pathlib import Path

import pytest

from release.licences import Licensed, gpl_libraries, table, what_is_wrong


def library(licence: str, name: str = "some-library") -> Licensed:
    return Licensed(name=name, version="1.0", licence=licence)


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "Apache-2.0 OR BSD-3-Clause",
        "MPL-2.0 AND MIT",
        "MIT OR GPL-3.0-or-later",
        "BSD License",
        "Mozilla Public License 2.0 (MPL 2.0)",
    ],
)
def test_what_may_be_passed_on(licence: str) -> None:
    """And what leaves the choice."""
    assert what_is_wrong([library(licence)]) == []


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "MIT AND GPL-2.0-only",
        "GNU General Public License v3 (GPLv3)",
        "GNU Affero General Public License v3",
        "AGPL-3.0-only OR GPL-3.0-only",
        "LGPL-3.0-only AND GPL-2.0-only",
        "UNKNOWN",
    ],
)
def test_what_may_not(licence: str) -> None:
    """Whatever the library is called."""
    for name in ("some-library", "psycopg"):
        (sentence,) = what_is_wrong([library(licence, name)])
        assert sentence.startswith(name)


@pytest.mark.parametrize(
    "licence", ["LGPL-3.0-only", "GNU Lesser General Public License v3 (LGPLv3)"]
)
def test_the_lgpl_needs_a_reason(licence: str) -> None:
    """One that stands in the table."""
    assert what_is_wrong([library(licence)])
    assert what_is_wrong([library(licence, "psycopg")]) == []
    assert "imported unchanged" in table([library(licence, "psycopg")])


def test_a_library_inside_a_wheel_is_found_by_its_name(tmp_path: Path) -> None:
    """Its wheel may state another licence."""
    for name in ("libx265-1f2e.so.199", "libgomp-e985bcbb.so.1.0.0", "liblzokay-6a69d3ec.so"):
        (tmp_path / name).touch()
    assert gpl_libraries(tmp_path) == ["libx265-1f2e.so.199 is under the GPL"]
