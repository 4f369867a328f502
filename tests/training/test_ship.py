"""The shipped bundle: made from a trained one, with its own words."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ich_node.model.bundle import Bundle, load_bundle
from ich_node.model.bundle_file import open_bundle, read_header, shipped_bundle
from ich_node.model.revise import lineage
from tests.support import REPOSITORY
from training.errors import DataError
from training.ship import WORDS, read_words, shipped_form

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CREDIT = ("Hssayeni", "1.0.0 to 1.2.0", "10.13026/w8q8-ky94", "CC BY 4.0", "mirrored", "drawn")


@pytest.fixture(scope="module")
def trained(untrained_bundle: Path) -> Bundle:
    opened = open_bundle(untrained_bundle)
    provenance = replace(opened.card.provenance, details={"seed": 3, "misses": "unknown"})
    return replace(opened, card=replace(opened.card, provenance=provenance))


def test_the_words_change_and_nothing_else(trained: Bundle):
    """The same weights, rule, threshold and calibration; the trained bundle is its parent."""
    words = read_words(WORDS)
    shipped = load_bundle(shipped_form(trained, words, at=NOW), origin="test")
    card = shipped.card
    assert (card.name, card.licence, card.demonstration) == (words.name, words.licence, True)
    assert (card.provenance.source, card.provenance.created) == (words.source, "2026-01-01")
    assert card.provenance.details["seed"] == 3
    assert card.provenance.details["misses"] == words.details["misses"]
    assert (card.peak_rule, card.operating_point, card.calibration, card.input) == (
        trained.peak_rule,
        trained.operating_point,
        trained.calibration,
        trained.input,
    )
    assert all(shipped.weights[name].equal(tensor) for name, tensor in trained.weights.items())
    assert lineage(shipped) == (shipped.sha256, trained.sha256)


def test_the_same_bundle_gives_the_same_bytes(trained: Bundle):
    words = read_words(WORDS)
    assert shipped_form(trained, words, at=NOW) == shipped_form(trained, words, at=NOW)


def test_words_that_are_none_are_refused(tmp_path: Path):
    for content in ("name = ", 'name = "x"\n', WORDS.read_text() + '\n[other]\nx = "y"\n'):
        (path := tmp_path / "words.toml").write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match="does not hold the words of a card"):
            read_words(path)


def test_the_licence_gives_credit():
    """Who made the set, which versions, under what licence, and what was changed; the pages too."""
    pages = [
        (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "docs/model.md")
    ]
    for text in (read_words(WORDS).licence, *pages):
        assert [part for part in CREDIT if part not in text] == []


def test_the_shipped_file_has_these_words():
    """Its card is that of shipped.toml: `python -m training.ship` writes both names and credit."""
    words, header = read_words(WORDS), read_header(shipped_bundle())
    assert header.name == words.name == shipped_bundle().stem
    assert header.card["licence"] == words.licence
    assert header.card["provenance"]["source"] == words.source
    assert words.details.items() <= header.card["provenance"]["details"].items()


def test_the_page_has_the_figures_of_the_shipped_file():
    """`python -m benchmarks.shipped_bundle --phantoms --markdown docs/model.md` wrote them."""
    page = (REPOSITORY / "docs" / "model.md").read_text(encoding="utf-8")
    header = read_header(shipped_bundle())
    assert f"{header.name} {header.sha256[:8]} |" in page
