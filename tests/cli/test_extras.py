"""A library that is not installed."""

import sys
import tomllib

import pytest

from ich_node.cli.extras import EXTRA_OF, missing_library
from tests.support import REPOSITORY
from tests.support.command_line import ich_node


def test_a_missing_library_is_a_sentence_with_its_extra(tmp_path, monkeypatch, untrained_bundle):
    """Not a traceback; a library that no extra has would be a mistake of ours."""
    monkeypatch.delitem(sys.modules, "training.tune", raising=False)
    monkeypatch.setitem(sys.modules, "bayes_opt", None)
    done = ich_node(
        "tune", tmp_path, "--bundle", untrained_bundle, "--out", tmp_path / "tuned.safetensors"
    )
    assert done.exit_code == 2
    assert 'pip install "ich-node[training]"' in done.stderr
    assert missing_library(ModuleNotFoundError(name="ich_node.nothing")) is None


@pytest.mark.parametrize("library", sorted(EXTRA_OF))
def test_the_extra_has_the_library(library):
    """Under the name by which pip knows it."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    package = {"bayes_opt": "bayesian-optimization"}.get(library, library)
    assert any(each.startswith(package) for each in extras[EXTRA_OF[library]])
