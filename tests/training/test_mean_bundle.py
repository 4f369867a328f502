"""`ich-node train mean`: the mean of the weights of several bundles."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch

from ich_node.errors import BundleError
from ich_node.model.bundle import load_bundle, pack_bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from tests.support.command_line import ich_node
from training.mean_bundle import mean_bundle

AT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped():
    return open_bundle(shipped_bundle())


@pytest.fixture(scope="module")
def scaled(shipped):
    """The same network with three times the last convolution's weights, under another licence."""
    weights = dict(shipped.weights)
    weights["head.score.weight"] = weights["head.score.weight"] * 3
    card = replace(shipped.card, name="scaled", licence="of a site", demonstration=False)
    return load_bundle(pack_bundle(card, weights), origin="scaled")


def test_every_weight_is_the_mean_and_the_card_names_both(shipped, scaled):
    mean = load_bundle(mean_bundle([shipped, scaled], at=AT), origin="mean")
    score = shipped.weights["head.score.weight"]
    assert torch.allclose(mean.weights["head.score.weight"], 2 * score)
    assert torch.equal(mean.weights["head.score.bias"], shipped.weights["head.score.bias"])
    assert mean.demonstration
    assert mean.card.licence == f"{shipped.card.licence}; of a site"
    named = mean.card.provenance.details["mean_of"]
    assert [each["sha256"] for each in named] == [shipped.sha256, scaled.sha256]


def test_bundles_that_do_not_fit_together_are_refused(shipped):
    other = replace(shipped.card, input=replace(shipped.input, slab_mm=0.0))
    thin = load_bundle(pack_bundle(other, shipped.weights), origin="thin")
    with pytest.raises(BundleError, match="another network or input"):
        mean_bundle([shipped, thin], at=AT)
    with pytest.raises(BundleError, match="at least two"):
        mean_bundle([shipped], at=AT)


def test_the_command_writes_a_bundle_and_overwrites_none(tmp_path):
    path, out = str(shipped_bundle()), tmp_path / "runs" / "mean.safetensors"
    done = ich_node("train", "mean", path, path, "--out", str(out))
    assert done.exit_code == 0
    assert "the mean of the weights of 2 bundles" in done.stdout
    again = ich_node("train", "mean", path, path, "--out", str(out))
    assert again.exit_code
    assert "exists" in again.stderr
