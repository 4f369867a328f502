"""What the documents say is what the code does."""

import re
from pathlib import Path

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.errors import Refusal
from tests.support import REPOSITORY


def rows(path: Path) -> list[list[str]]:
    """The cells of the body rows of a document's Markdown tables."""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|")
        and not set(line) <= set("|- ")
        and not (following and set(following) <= set("|- "))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def named_tests(path: Path) -> set[str]:
    return set(re.findall(r"`(test_[a-z0-9_]+)`", path.read_text(encoding="utf-8")))


def all_tests() -> set[str]:
    return {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }


def test_every_refusal_has_its_row_and_every_row_its_test():
    """docs/refusals.md: one row per reason code, each naming tests that exist."""
    table = rows(REPOSITORY / "docs" / "refusals.md")
    assert sorted(row[0].strip("`") for row in table) == sorted(
        refusal.reason for refusal in Refusal.__subclasses__()
    )
    assert all("`test_" in row[-1] for row in table)
    assert named_tests(REPOSITORY / "docs" / "refusals.md") <= all_tests()


def test_every_c_store_status_has_its_test():
    """docs/c-store-status.md names tests that exist, one at least in every row."""
    table = rows(REPOSITORY / "docs" / "c-store-status.md")
    assert table
    assert all("`test_" in " ".join(row) for row in table)
    assert named_tests(REPOSITORY / "docs" / "c-store-status.md") <= all_tests()


def test_config_toml_is_the_defaults():
    """Every setting at its default: an admin reads there what happens without it."""
    assert load_config(REPOSITORY / "config.toml").config == Config()


def test_config_toml_names_every_setting():
    """Also the ones that have no value by default."""
    text = (REPOSITORY / "config.toml").read_text(encoding="utf-8")
    for section, field in Config.model_fields.items():
        model = field.annotation
        if hasattr(model, "model_fields"):
            assert f"[{section}]" in text
            assert all(f"{name} = " in text for name in model.model_fields)
        else:
            assert f"[[{section}]]" in text
