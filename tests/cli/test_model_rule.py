"""`ich-node model set-rule` makes a new bundle that states its origin; `compare` shows two side by
side.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from ich_node.cli import model_compare, model_rule
from ich_node.detection.network_input import InputSpec
from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle import pack_bundle
from ich_node.model.bundle_file import open_bundle
from ich_node.model.calibration import Calibration
from ich_node.model.card import Card, OperatingPoint, Provenance
from ich_node.model.network import MilNetwork, NetworkSpec
from ich_node.model.revise import lineage

RULE = PeakRule(min_distance_px=10, min_likelihood=0.5, min_prominence=0.02, slice_gate=0.1)


@pytest.fixture(scope="module")
def packed() -> bytes:
    torch.manual_seed(0)
    spec = NetworkSpec()
    card = Card(
        name="test",
        network_spec=spec,
        input=InputSpec(size_px=64),  # the self-check runs each time a bundle is made or opened
        peak_rule=RULE,
        calibration=Calibration(),
        operating_point=OperatingPoint(threshold=0.5),
        provenance=Provenance(source="a test", created="2026-01-01", details={"seed": 0}),
        licence="Apache-2.0",
    )
    return pack_bundle(card, dict(MilNetwork(spec).state_dict()))


@pytest.fixture
def parent(tmp_path, packed) -> Path:
    path = tmp_path / "parent.safetensors"
    path.write_bytes(packed)
    return path


def model(*arguments: object):
    app = typer.Typer()
    model_rule.add_to(app)
    model_compare.add_to(app)
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )


def test_a_new_bundle_with_the_given_numbers(parent, tmp_path):
    """The given numbers change and the others stay; the parent's file is untouched, and its hash is
    in the new bundle.
    """
    before = parent.read_bytes()
    out = tmp_path / "new" / "revised.safetensors"
    result = model(
        "set-rule",
        "--bundle",
        parent,
        "--out",
        out,
        "--why",
        "too many points",
        "--T",
        0.75,
        "--gate",
        0.5,
    )
    assert result.exit_code == 0, result.output
    original, revised = open_bundle(parent), open_bundle(out)
    assert revised.peak_rule == replace(RULE, min_likelihood=0.75, slice_gate=0.5)
    assert revised.weights.keys() == original.weights.keys()
    assert all(
        torch.equal(tensor, original.weights[name]) for name, tensor in revised.weights.items()
    )
    assert parent.read_bytes() == before
    (revision,) = revised.card.provenance.details["revisions"]
    assert revision["parent_sha256"] == hashlib.sha256(before).hexdigest()
    assert (revision["why"], revision["rule_before"]["min_likelihood"]) == ("too many points", 0.5)
    assert {"who", "at"} <= revision.keys()
    assert revised.card.provenance.details["seed"] == 0


def test_every_revision_is_kept(parent, tmp_path):
    """A revision of a revision lists both, the older one first."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    model("set-rule", "--bundle", parent, "--out", first, "--why", "one", "--d", 20)
    model("set-rule", "--bundle", first, "--out", second, "--why", "two", "--h", 0.5)
    revised = open_bundle(second)
    assert revised.peak_rule == replace(RULE, min_distance_px=20, min_prominence=0.5)
    assert [revision["why"] for revision in revised.card.provenance.details["revisions"]] == [
        "one",
        "two",
    ]


def test_no_file_is_overwritten(parent):
    """Not even the parent itself."""
    before = parent.read_bytes()
    with pytest.raises(BundleError, match="a revision is a new file"):
        model("set-rule", "--bundle", parent, "--out", parent, "--why", "in place", "--d", 3)
    assert parent.read_bytes() == before


def test_the_same_rule_is_no_revision(parent, tmp_path):
    with pytest.raises(BundleError, match="at least one of"):
        model(
            "set-rule", "--bundle", parent, "--out", tmp_path / "x", "--why", "nothing", "--d", 10
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--h", -1),
        ("--d", 0),
        ("--gate", 1.5),
        ("--gate", "-0.1"),
        ("--h", "nan"),
        ("--why", " "),
        ("--T", "nan"),
        ("--threshold", 1.5),
        ("--threshold", 0),
        ("--threshold", "nan"),
    ],
)
def test_impossible_numbers_are_refused(parent, tmp_path, option):
    """Nothing is written."""
    arguments = [
        "set-rule",
        "--bundle",
        parent,
        "--out",
        tmp_path / "x",
        "--why",
        "to see",
        *option,
    ]
    try:
        refused = model(*arguments).exit_code == 2
    except BundleError:
        refused = True
    assert refused
    assert not (tmp_path / "x").exists()


def test_side_by_side(parent, tmp_path):
    """Lines that differ are marked: the rule, the hash and the history, but not the weights or the
    licence.
    """
    out = tmp_path / "revised.safetensors"
    model("set-rule", "--bundle", parent, "--out", out, "--why", "further apart", "--d", 20)
    lines = model("compare", parent, out).output.splitlines()
    marked = {line.split()[1] for line in lines if line.startswith("*")}
    assert {"peak_rule.min_distance_px", "sha256", "provenance.details.revisions.0.why"} <= marked
    assert not marked & {"weights", "licence", "peak_rule.min_likelihood", "name"}
    assert ["*", "peak_rule.min_distance_px", "10", "20"] in [line.split() for line in lines]
    document = json.loads(model("compare", parent, out, "--json").output)
    assert {"field": "peak_rule.min_distance_px", "a": "10", "b": "20"} in document


def test_the_threshold_takes_the_gate_and_t_along(parent, tmp_path):
    """A slice that makes the series positive is above the gate, and its map above T."""
    out = tmp_path / "lower.safetensors"
    result = model(
        "set-rule", "--bundle", parent, "--out", out, "--why", "fewer misses", "--threshold", 0.3
    )
    assert "threshold 0.3 (before: 0.5)" in result.output
    revised = open_bundle(out)
    assert revised.operating_point == OperatingPoint(threshold=0.3)
    assert revised.peak_rule.slice_gate == 0.3
    assert revised.peak_rule.min_likelihood < Calibration().logit(0.3) < RULE.min_likelihood
    (revision,) = revised.card.provenance.details["revisions"]
    assert revision["threshold_before"] == 0.5


def test_a_higher_threshold_leaves_t(parent, tmp_path):
    """And a number that is given wins over the one that would move with the threshold."""
    out = tmp_path / "higher.safetensors"
    options = ("--why", "fewer alerts", "--threshold", 0.9, "--gate", 0.2)
    model("set-rule", "--bundle", parent, "--out", out, *options)
    assert open_bundle(out).peak_rule == replace(RULE, slice_gate=0.2)


def test_a_gate_that_is_off_stays_off(parent, tmp_path):
    off, moved = tmp_path / "off.safetensors", tmp_path / "moved.safetensors"
    model("set-rule", "--bundle", parent, "--out", off, "--why", "no gate", "--gate", 0)
    model("set-rule", "--bundle", off, "--out", moved, "--why", "higher", "--threshold", 0.8)
    assert open_bundle(moved).peak_rule == replace(RULE, slice_gate=0.0)
    assert lineage(open_bundle(moved)) == tuple(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (moved, off, parent)
    )
