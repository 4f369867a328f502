"""Answers of the network are kept under the code that gave them."""

import shutil
from pathlib import Path

import pytest

import ich_node
from ich_node.model.code import ROOMS, digest_of_reading_code


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """Of the rooms that read."""
    package = Path(ich_node.__file__).parent
    for room in ROOMS:
        shutil.copytree(package / room, tmp_path / room, ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(ich_node, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path


@pytest.mark.parametrize("changed", ["detection/network_input.py", "series/rules.toml"])
def test_another_byte_is_other_code(copy, changed):
    """Wherever the code lies; and what is compiled of it does not count."""
    same = digest_of_reading_code.__wrapped__()
    assert same == digest_of_reading_code()
    with (copy / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert digest_of_reading_code.__wrapped__() != same


def test_a_name_counts(copy):
    """A renamed file may be imported by another."""
    before = digest_of_reading_code.__wrapped__()
    (copy / "model" / "network.py").rename(copy / "model" / "networks.py")
    assert digest_of_reading_code.__wrapped__() != before
